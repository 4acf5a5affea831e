//! A digest that is made when somebody asks for it, once.

use std::fmt;
use std::io;
use std::sync::OnceLock;

type Make = dyn Fn() -> io::Result<[u8; 32]> + Send + Sync;

pub(super) struct LazyDigest {
    hex: OnceLock<String>,
    make: Box<Make>,
}

impl LazyDigest {
    pub(super) fn new(make: impl Fn() -> io::Result<[u8; 32]> + Send + Sync + 'static) -> Self {
        Self {
            hex: OnceLock::new(),
            make: Box::new(make),
        }
    }

    pub(super) fn hex(&self) -> io::Result<&str> {
        if let Some(hex) = self.hex.get() {
            return Ok(hex);
        }
        let bytes = (self.make)()?;
        let hex = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(self.hex.get_or_init(|| hex))
    }
}

impl fmt::Debug for LazyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LazyDigest").field(&self.hex.get()).finish()
    }
}
