//! Elastic Kubernetes Service: clusters, node groups, Fargate profiles, and what joins them.
