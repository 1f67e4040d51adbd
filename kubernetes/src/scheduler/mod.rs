//! `default-scheduler`: every pod that has no node gets one where it fits.
//!
//! The state of the cluster is kept up to date change by change ([`state`]); a decision looks at that
//! state only ([`decide`]), and is written while the next ones are made ([`run`]).
//!
//! # Guarantees
//! * What is decided counts at once: no decision is made on room that another one took.
//! * A pod that fits nowhere is tried again when something changed that may help it, after a pause
//!   that doubles.
//! * Stopped halfway, nothing is lost: what was not written is decided again.

mod act;
mod bind;
mod decide;
mod filters;
pub(crate) mod model;
mod preempt;
mod queue;
mod run;
mod scores;
mod state;
#[cfg(test)]
mod tests;

pub use bind::{Binding, bind};
pub(crate) use bind::{bind_as, set_condition};
pub(crate) use run::run;
pub(crate) use state::{Budget, budget_of};

/// What pods have that do not ask for another scheduler.
pub(crate) const NAME: &str = "default-scheduler";
