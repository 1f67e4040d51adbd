//! ECR on your own machine.
use std::process::ExitCode;

/// Request bodies come in large buffers that are freed on another thread: the C library's allocator
/// gives such memory back to the kernel at once and faults it in again for the next one.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // The engines start this program again for each pod.
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let part = wharf_builtin::part(&arguments).or_else(|| wharf_docker::part(&arguments));
    if let Some(code) = part {
        return code;
    }
    wharf::commands::main()
}
