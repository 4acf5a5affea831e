//! Which crate uses which, which module uses which, and where `unsafe` stands, read from the
//! sources. The tests in `tests/` hold `rust/ARCHITECTURE.md` to that. Nothing here builds
//! or links what it looks at.
#![forbid(unsafe_code)]

mod graph;
mod metadata;
mod modules;
mod page;
mod references;
mod unsafe_code;

pub use graph::{Arrow, Graph, Misplaced};
pub use metadata::{Package, Target, packages, repository};
pub use modules::{SourceFile, rust_files, sources};
pub use page::{Page, page};
pub use unsafe_code::{forbids_unsafe, unsafe_lines};
