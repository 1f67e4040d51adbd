//! Says what a setting of the registry is.
use serde::{Deserialize, Serialize};
use wharf_registry::account_settings;

use crate::{Cx, Exception, check, operation::Operation};

#[derive(Debug, Deserialize)]
pub(crate) struct GetAccountSetting {
    name: Option<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Output {
    name: &'static str,
    value: String,
}

impl Operation for GetAccountSetting {
    const NAME: &'static str = "GetAccountSetting";
    type Output = Output;

    async fn run(self, cx: Cx) -> Result<Output, Exception> {
        let setting = check::account_setting(self.name)?;
        let value = account_settings::get(&cx.domain, &cx.registry, setting).await?;
        Ok(Output {
            name: setting.as_str(),
            value,
        })
    }
}
