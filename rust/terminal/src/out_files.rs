//! The files that a command writes: their places are checked before its work begins, and
//! all of them take their places when everything is done.

use std::ffi::OsString;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use pocketune_base::{Draft, Existing, Place, PlaceError, Readers, check_folder};

use crate::error::RunError;
use crate::state;

/// A folder that its owner alone may look into.
const PRIVATE_FOLDER: u32 = 0o700;

/// A place for one file, checked.
#[derive(Debug)]
pub struct OutFile {
    /// The option that names it, or what it is.
    what: &'static str,
    place: Place,
    existing: Existing,
    readers: Readers,
    /// What its temporary file's name begins with.
    draft_prefix: Option<OsString>,
}

/// Checks the places of one command.
#[derive(Debug, Default)]
pub struct Places {
    inputs: Vec<PathBuf>,
    taken: Vec<Place>,
}

impl Places {
    /// For a command that reads `inputs`, none of which may be replaced.
    pub fn beside<'a>(inputs: impl IntoIterator<Item = &'a PathBuf>) -> Self {
        let inputs = inputs.into_iter().cloned().collect();
        Self {
            inputs,
            taken: Vec::new(),
        }
    }

    /// A file for whom the umask lets. It replaces an older one.
    pub fn file(&mut self, what: &'static str, path: &Path) -> Result<OutFile, RunError> {
        self.place(what, path, Existing::Replaced, Readers::Umask)
    }

    /// A file that holds what people wrote, or was made from that: its owner's alone, unless
    /// it replaces one that others may read.
    pub fn personal(&mut self, what: &'static str, path: &Path) -> Result<OutFile, RunError> {
        self.place(what, path, Existing::Replaced, Readers::OwnerAtFirst)
    }

    /// The same, if one is asked for.
    pub fn optional_personal(
        &mut self,
        what: &'static str,
        path: Option<&Path>,
    ) -> Result<Option<OutFile>, RunError> {
        path.map(|path| self.personal(what, path)).transpose()
    }

    /// A file that is its owner's alone, whatever older one it replaces.
    pub fn private(&mut self, what: &'static str, path: &Path) -> Result<OutFile, RunError> {
        self.place(what, path, Existing::Replaced, Readers::Owner)
    }

    /// A file that replaces nothing.
    pub fn new_file(
        &mut self,
        what: &'static str,
        path: &Path,
        readers: Readers,
    ) -> Result<OutFile, RunError> {
        self.place(what, path, Existing::Kept, readers)
    }

    fn place(
        &mut self,
        what: &'static str,
        path: &Path,
        existing: Existing,
        readers: Readers,
    ) -> Result<OutFile, RunError> {
        if path == Path::new("-") {
            return Err(RunError::NoPlace {
                what,
                reason: "results go to standard output without it; a file of this name is ./-",
            });
        }
        let place = Place::check(path, existing).map_err(|error| refused(what, error))?;
        if self.inputs.iter().any(|input| place.is(input)) {
            let reason = "it is a file that this command reads";
            return Err(RunError::NoPlace { what, reason });
        }
        if self.taken.iter().any(|taken| place.is_place_of(taken)) {
            let reason = "another output goes there";
            return Err(RunError::NoPlace { what, reason });
        }
        self.taken.push(place.clone());
        Ok(OutFile {
            what,
            place,
            existing,
            readers,
            draft_prefix: None,
        })
    }
}

/// Writes files, all or none as far as the system allows: first every byte to the disk
/// beside their places, then one rename each. What is not there afterwards leaves no trace.
pub fn write_all(files: &[(&OutFile, &[u8])]) -> Result<(), RunError> {
    let mut drafts = Vec::with_capacity(files.len());
    for (file, bytes) in files {
        let draft = draft(file, bytes);
        drafts.push((*file, draft.map_err(|error| file.not_written(error))?));
    }
    state::finish();
    let mut made = Vec::new();
    for (file, draft) in drafts {
        match draft.publish() {
            Ok(path) if file.existing == Existing::Kept => made.push(path),
            Ok(_) => {}
            Err(error) => {
                // Half of what belongs together is worth nothing; an older file is not there.
                made.iter().for_each(|path| drop(fs::remove_file(path)));
                return Err(file.not_written(error));
            }
        }
    }
    Ok(())
}

/// Writes one file.
pub fn write(file: &OutFile, bytes: &[u8]) -> Result<(), RunError> {
    write_all(&[(file, bytes)])
}

fn draft(file: &OutFile, bytes: &[u8]) -> io::Result<Draft> {
    let make = || match &file.draft_prefix {
        None => file.place.draft(file.readers),
        Some(prefix) => {
            let draft = file.place.draft_named(file.readers, prefix)?;
            // For as long as this process lives, where the file system knows locks.
            let _ = draft.as_file().try_lock();
            Ok(draft)
        }
    };
    let mut draft = state::make_temporary(make, |draft| draft.temporary().to_owned())?;
    draft.fill(bytes)?;
    Ok(draft)
}

impl OutFile {
    /// The same, whose temporary file is known by how its name begins.
    pub fn with_draft_prefix(self, prefix: OsString) -> Self {
        let draft_prefix = Some(prefix);
        Self {
            draft_prefix,
            ..self
        }
    }

    fn not_written(&self, source: io::Error) -> RunError {
        let what = self.what;
        RunError::NotWritten { what, source }
    }
}

/// A folder that several files go to, made where it is missing.
#[derive(Debug)]
pub struct OutFolder {
    what: &'static str,
    /// Folders to make, the outermost first.
    missing: Vec<PathBuf>,
}

impl OutFolder {
    /// Looks whether it is there or can be made. Changes nothing.
    pub fn check(what: &'static str, path: &Path) -> Result<Self, RunError> {
        let mut missing = Vec::new();
        let mut existing = path;
        while fs::symlink_metadata(existing)
            .is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
        {
            let Some(parent) = existing.parent() else {
                break;
            };
            missing.insert(0, existing.to_owned());
            existing = parent;
            if existing.as_os_str().is_empty() {
                existing = Path::new(".");
                break;
            }
        }
        check_folder(existing).map_err(|source| RunError::NotWritten { what, source })?;
        Ok(Self { what, missing })
    }

    /// Whether it is there already.
    pub fn exists(&self) -> bool {
        self.missing.is_empty()
    }

    /// Makes it, fills it, and removes what it made where that fails.
    pub fn fill<E: From<RunError>>(&self, fill: impl FnOnce() -> Result<(), E>) -> Result<(), E> {
        let what = self.what;
        let mut made = Vec::new();
        let make = |path: &PathBuf| {
            DirBuilder::new().mode(PRIVATE_FOLDER).create(path)?;
            made.push(path.clone());
            Ok(())
        };
        let all = self.missing.iter().try_for_each(make);
        let all = all.map_err(|source| RunError::NotWritten { what, source }.into());
        let filled = all.and_then(|()| fill());
        if filled.is_err() {
            // Folders that somebody else put something into stay.
            let innermost_first = made.iter().rev();
            innermost_first.for_each(|path| drop(fs::remove_dir(path)));
        }
        filled
    }
}

fn refused(what: &'static str, error: PlaceError) -> RunError {
    let source = error.into();
    RunError::NotWritten { what, source }
}
