//! Changes a setting of the registry.
use serde::{Deserialize, Serialize};
use wharf_registry::account_settings;

use crate::{
    Cx, Exception,
    check::{self, unsatisfied},
    operation::Operation,
};

#[derive(Debug, Deserialize)]
pub(crate) struct PutAccountSetting {
    name: Option<String>,
    value: Option<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Output {
    name: &'static str,
    value: &'static str,
}

impl Operation for PutAccountSetting {
    const NAME: &'static str = "PutAccountSetting";
    type Output = Output;

    async fn run(self, cx: Cx) -> Result<Output, Exception> {
        let setting = check::account_setting(self.name)?;
        let value = check::required("value", self.value)?;
        let values = setting.values();
        let Some(value) = values.iter().copied().find(|known| *known == value) else {
            let text = format!(
                "Member must satisfy enum value set: [{}]",
                values.join(", ")
            );
            return Err(unsatisfied("value", &text));
        };
        account_settings::put(&cx.domain, &cx.registry, setting, value).await?;
        Ok(Output {
            name: setting.as_str(),
            value,
        })
    }
}
