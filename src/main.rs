//! The program `weir`: everything is in the library; `shell` decides the mode and the exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    weir::shell::main()
}
