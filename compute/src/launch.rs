//! What an instance is launched with, put together from a template, a launch configuration, a group
//! and a call.
use std::net::Ipv4Addr;

use serde_json::Value;

use crate::tags::Tags;

/// The type of an instance whose type nobody says.
pub const DEFAULT_TYPE: &str = "m1.small";

/// What an instance is launched with. What nobody says is absent.
#[derive(Clone, Debug, Default)]
pub struct Parameters {
    pub image: Option<String>,
    pub instance_type: Option<String>,
    pub key_name: Option<String>,
    pub security_groups: Vec<String>,
    /// Base64.
    pub user_data: Option<String>,
    pub profile: Option<String>,
    pub subnet: Option<String>,
    pub zone: Option<String>,
    pub address: Option<Ipv4Addr>,
    pub spot: bool,
    pub protected: bool,
    pub tags: Tags,
}

impl Parameters {
    /// The type, which EC2 has a default for that is not made any more.
    pub fn type_name(&self) -> &str {
        match self.instance_type.as_deref() {
            None => "t3.micro",
            Some(DEFAULT_TYPE) => "t3.micro",
            Some(name) => name,
        }
    }

    /// Reads the data of a launch template, or a call with the same members: the names are those of
    /// EC2's query protocol, and every value is a text.
    pub fn from_data(data: &Value) -> Self {
        let interface = &data["NetworkInterface"][0];
        let mut security_groups = texts(&data["SecurityGroupId"]);
        if security_groups.is_empty() {
            security_groups = texts(&interface["SecurityGroupId"]);
        }
        let address = text(&data["PrivateIpAddress"]);
        let address = address.or_else(|| text(&interface["PrivateIpAddress"]));
        let profile = &data["IamInstanceProfile"];
        let market = data["InstanceMarketOptions"]["MarketType"].as_str();
        Self {
            image: text(&data["ImageId"]),
            instance_type: text(&data["InstanceType"]),
            key_name: text(&data["KeyName"]),
            security_groups,
            user_data: text(&data["UserData"]),
            profile: text(&profile["Arn"]).or_else(|| text(&profile["Name"])),
            subnet: text(&data["SubnetId"]).or_else(|| text(&interface["SubnetId"])),
            zone: text(&data["Placement"]["AvailabilityZone"]),
            address: address.and_then(|address| address.parse().ok()),
            spot: market == Some("spot"),
            protected: data["DisableApiTermination"].as_str() == Some("true"),
            tags: specified_tags(&data["TagSpecification"], "instance"),
        }
    }

    /// This, with what other parameters say instead.
    #[must_use]
    pub fn with(self, over: Self) -> Self {
        let mut tags = self.tags;
        tags.extend(over.tags);
        Self {
            image: over.image.or(self.image),
            instance_type: over.instance_type.or(self.instance_type),
            key_name: over.key_name.or(self.key_name),
            security_groups: if over.security_groups.is_empty() {
                self.security_groups
            } else {
                over.security_groups
            },
            user_data: over.user_data.or(self.user_data),
            profile: over.profile.or(self.profile),
            subnet: over.subnet.or(self.subnet),
            zone: over.zone.or(self.zone),
            address: over.address.or(self.address),
            spot: over.spot || self.spot,
            protected: over.protected || self.protected,
            tags,
        }
    }
}

fn text(value: &Value) -> Option<String> {
    let text = value.as_str().filter(|text| !text.is_empty());
    text.map(str::to_owned)
}

fn texts(value: &Value) -> Vec<String> {
    let items = value.as_array().into_iter().flatten();
    items.filter_map(text).collect()
}

/// The tags for a kind of resource in a `TagSpecification`.
pub fn specified_tags(specifications: &Value, resource: &str) -> Tags {
    let all = specifications.as_array().into_iter().flatten();
    let of_kind = all.filter(|one| one["ResourceType"].as_str() == Some(resource));
    let tags = of_kind.flat_map(|one| one["Tag"].as_array().into_iter().flatten());
    tags.filter_map(|tag| {
        let value = tag["Value"].as_str().unwrap_or_default();
        Some((tag["Key"].as_str()?.to_owned(), value.to_owned()))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_said_later_counts() {
        let template = json!({
            "ImageId": "ami-1", "InstanceType": "t3.small",
            "NetworkInterface": [{ "SecurityGroupId": ["sg-1"], "SubnetId": "subnet-1" }],
            "IamInstanceProfile": { "Name": "nodes" },
            "InstanceMarketOptions": { "MarketType": "spot" },
            "TagSpecification": [
                { "ResourceType": "volume", "Tag": [{ "Key": "v", "Value": "1" }] },
                { "ResourceType": "instance", "Tag": [{ "Key": "a", "Value": "1" }, { "Key": "b" }] },
            ],
        });
        let call = Parameters {
            instance_type: Some("m5.large".into()),
            tags: Tags::from([("a".into(), "2".into())]),
            ..Parameters::default()
        };
        let all = Parameters::from_data(&template).with(call);
        assert_eq!(all.type_name(), "m5.large");
        assert_eq!(all.image.as_deref(), Some("ami-1"));
        assert_eq!(all.security_groups, ["sg-1"]);
        assert_eq!(all.subnet.as_deref(), Some("subnet-1"));
        assert_eq!(all.profile.as_deref(), Some("nodes"));
        assert!(all.spot);
        let tags = [("a", "2"), ("b", "")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        assert_eq!(all.tags, Tags::from(tags));
    }
}
