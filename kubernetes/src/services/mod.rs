//! Addresses and ports of services.
mod allocate;
mod families;
mod pool;

pub use allocate::{Allocator, Reservation};
