//! Virtual EC2 instances, auto-scaling groups, Fargate capacity and addresses: one truth that EKS,
//! ECS and Auto Scaling all show. Knows no Kubernetes.
