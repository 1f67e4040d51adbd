//! Running a pod: its own small spec (the allowlist), and the engines that run it.
