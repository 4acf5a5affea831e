//! What commands write: one JSON object whatever happens, and files that are whole, checked
//! before the work, and never in place of something good without need.

mod desk;
mod ends;
mod objects;
mod places;
mod private;
mod table;
