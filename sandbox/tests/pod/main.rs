//! The sandbox in network namespaces of its own, as a pod has them. Needs root and `nf_tables`.
#![cfg(target_os = "linux")]

mod addresses;
mod names;
mod speed;
mod support;
mod tunnel;
