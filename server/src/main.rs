//! ECR on your own machine.
use std::process::ExitCode;

/// Request bodies come in large buffers that are freed on another thread: the C library's allocator
/// gives such memory back to the kernel at once and faults it in again for the next one.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    wharf::commands::main()
}
