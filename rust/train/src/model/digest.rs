//! A digest that is made when somebody asks for it, once.

use std::fmt;
use std::io;
use std::sync::OnceLock;

use pocketune_base::Digest;

type Make = dyn Fn() -> io::Result<Digest> + Send + Sync;

pub(super) struct LazyDigest {
    made: OnceLock<Digest>,
    make: Box<Make>,
}

impl LazyDigest {
    pub(super) fn new(make: impl Fn() -> io::Result<Digest> + Send + Sync + 'static) -> Self {
        Self {
            made: OnceLock::new(),
            make: Box::new(make),
        }
    }

    pub(super) fn get(&self) -> io::Result<&Digest> {
        if let Some(digest) = self.made.get() {
            return Ok(digest);
        }
        let digest = (self.make)()?;
        Ok(self.made.get_or_init(|| digest))
    }
}

impl fmt::Debug for LazyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LazyDigest").field(&self.made.get()).finish()
    }
}
