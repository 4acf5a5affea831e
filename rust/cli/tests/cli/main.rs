//! The command line from outside: exit codes, output, behaviour on a real model.

mod arguments;
mod model;
mod run;
mod signals;
