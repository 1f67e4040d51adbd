//! Finds known vulnerabilities in the operating-system packages of an image.
