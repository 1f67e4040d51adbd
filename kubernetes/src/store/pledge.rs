//! What hangs on a change.
use std::fmt;

/// Something that is so only if a change is made. The thread that stores the change settles it, before
/// the caller is answered.
///
/// # Guarantees
/// * [`keep`](Self::keep) is called once the change can be seen.
/// * It is dropped without that if the change was not made, for whatever reason: it was refused, could
///   not be stored, or its caller went away before it was on its way.
pub trait Pledge: fmt::Debug + Send {
    /// The change was made.
    fn keep(self: Box<Self>);
}
