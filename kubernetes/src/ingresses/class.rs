//! Which ingresses are for the proxy.
use serde_json::Value;

use super::CLASSES;
use crate::{Cluster, fields};

const OLD: &str = "kubernetes.io/ingress.class";
const NAME: &str = "app.kubernetes.io/name";
/// The label of the class that the chart of the controller of nginx makes.
const INSTALLED: &str = "ingress-nginx";

/// Whose rules an ingress follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Alb,
    Nginx,
}

/// The kind of an ingress. None: it is somebody else's, or nobody's.
pub(super) fn of(cluster: &Cluster, ingress: &Value) -> Option<Kind> {
    let annotations = &ingress["metadata"]["annotations"];
    let name = match fields::text(&ingress["spec"], "ingressClassName") {
        "" => fields::text(annotations, OLD),
        name => name,
    };
    if name.is_empty() {
        return None;
    }
    let class = cluster.get(CLASSES, "", name);
    kind(name, class.map(|class| class.value()).as_ref())
}

/// What a class means; one that is not there means what its name says.
fn kind(name: &str, class: Option<&Value>) -> Option<Kind> {
    let Some(class) = class else {
        return match name {
            "alb" => Some(Kind::Alb),
            "nginx" => Some(Kind::Nginx),
            _ => None,
        };
    };
    match fields::text(&class["spec"], "controller") {
        "ingress.k8s.aws/alb" | "eks.amazonaws.com/alb" => Some(Kind::Alb),
        // A controller that was installed runs in pods, and does it itself.
        "k8s.io/ingress-nginx" => {
            let installed = fields::text(&class["metadata"]["labels"], NAME) == INSTALLED;
            (!installed).then_some(Kind::Nginx)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_class_is_who_its_controller_is() {
        let class = |controller: &str, label: &str| {
            json!({
                "metadata": { "labels": { NAME: label } },
                "spec": { "controller": controller },
            })
        };
        let with = |controller, label| kind("x", Some(&class(controller, label)));
        assert_eq!(with("ingress.k8s.aws/alb", ""), Some(Kind::Alb));
        assert_eq!(with("k8s.io/ingress-nginx", ""), Some(Kind::Nginx));
        assert_eq!(with("k8s.io/ingress-nginx", INSTALLED), None);
        assert_eq!(with("example.com/own", ""), None);
        assert_eq!(kind("alb", None), Some(Kind::Alb));
        assert_eq!(kind("nginx", None), Some(Kind::Nginx));
        assert_eq!(kind("x", None), None);
    }
}
