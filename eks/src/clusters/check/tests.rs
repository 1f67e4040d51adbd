use super::super::config::ComputeConfig;
use super::components::duration;
use super::*;

#[test]
fn service_addresses_are_private_and_of_12_to_24_bits() {
    let check = |text: &str| {
        services(&NetworkConfig {
            service_ipv4_cidr: Some(text.into()),
            ..NetworkConfig::default()
        })
    };
    for good in [
        "10.100.0.0/16",
        "172.16.0.0/12",
        "192.168.4.0/24",
        "10.0.0.0/12",
    ] {
        check(good).unwrap();
    }
    for bad in [
        "10.0.0.0/8",
        "10.0.0.0/25",
        "172.0.0.0/12",
        "192.169.0.0/16",
        "10.0.0.1/24",
        "10.0.0.0",
        "10.0.0.0/+16",
        "10.0.0/16",
        "fd00::/16",
        "",
    ] {
        check(bad).unwrap_err();
    }
}

#[test]
fn durations_have_one_unit() {
    for good in ["30m", "1h", "15s"] {
        duration("x", good).unwrap();
    }
    for bad in ["", "30", "m", "1h30m", "0s", "-1s", "1ms", "1 h"] {
        duration("x", bad).unwrap_err();
    }
}

#[test]
fn the_parts_of_auto_mode_go_together() {
    let compute = |enabled| ComputeConfig {
        enabled: Some(enabled),
        ..ComputeConfig::default()
    };
    auto_mode(None, None, None).unwrap();
    auto_mode(Some(&compute(false)), None, None).unwrap();
    auto_mode(Some(&compute(true)), None, None).unwrap_err();
    let role = "arn:aws:iam::000000000000:role/nodes";
    let with = ComputeConfig {
        node_role_arn: Some(role.into()),
        ..compute(false)
    };
    let e = auto_mode(Some(&with), None, None).unwrap_err();
    assert!(e.to_string().contains("nodePool value(s) must be provided"));
}
