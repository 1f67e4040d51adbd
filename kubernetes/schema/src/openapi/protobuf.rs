//! The document of OpenAPI 2 in protobuf: `openapi.v2.Document` of [gnostic], as Go's clients ask
//! for it. Only the fields that our schemas have.
//!
//! [gnostic]: https://github.com/google/gnostic-models/blob/main/openapiv2/OpenAPIv2.proto
use serde_json::Value;

/// The document as a message.
pub fn encode(document: &Value) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.text(1, &document["swagger"]);
    writer.message(2, |info| {
        info.text(1, &document["info"]["title"]);
        info.text(2, &document["info"]["version"]);
    });
    // `Paths`, which must be there.
    writer.message(8, |_none| {});
    writer.message(9, |definitions| definitions.named(&document["definitions"]));
    writer.0
}

/// A message so far.
#[derive(Default)]
struct Writer(Vec<u8>);

impl Writer {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.byte(value & 0x7f | 0x80);
            value >>= 7;
        }
        self.byte(value);
    }

    fn byte(&mut self, value: u64) {
        let [low, ..] = value.to_le_bytes();
        self.0.push(low);
    }

    fn bytes(&mut self, tag: u32, bytes: &[u8]) {
        const LENGTH_DELIMITED: u64 = 2;
        self.varint(u64::from(tag) << 3 | LENGTH_DELIMITED);
        self.varint(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        self.0.extend_from_slice(bytes);
    }

    fn message(&mut self, tag: u32, fill: impl FnOnce(&mut Self)) {
        let mut inner = Self::default();
        fill(&mut inner);
        self.bytes(tag, &inner.0);
    }

    fn text(&mut self, tag: u32, value: &Value) {
        self.bytes(tag, value.as_str().unwrap_or_default().as_bytes());
    }

    /// `Any`: YAML, which JSON is too.
    fn any(&mut self, tag: u32, value: &Value) {
        self.message(tag, |any| any.bytes(2, value.to_string().as_bytes()));
    }

    /// `Definitions` and `Properties`: schemas by their names.
    fn named(&mut self, schemas: &Value) {
        for (name, schema) in schemas.as_object().into_iter().flatten() {
            self.message(1, |named| {
                named.bytes(1, name.as_bytes());
                named.message(2, |inner| inner.schema(schema));
            });
        }
    }

    fn schema(&mut self, schema: &Value) {
        for (key, value) in schema.as_object().into_iter().flatten() {
            self.keyword(key, value);
        }
    }

    fn keyword(&mut self, key: &str, value: &Value) {
        let items = || value.as_array().into_iter().flatten();
        match key {
            "$ref" => self.text(1, value),
            "format" => self.text(2, value),
            "required" => items().for_each(|name| self.text(19, name)),
            "enum" => items().for_each(|allowed| self.any(20, allowed)),
            "additionalProperties" => {
                self.message(21, |item| item.message(1, |inner| inner.schema(value)));
            }
            "type" => self.message(22, |item| item.text(1, value)),
            "items" => self.message(23, |item| item.message(1, |inner| inner.schema(value))),
            "properties" => self.message(25, |properties| properties.named(value)),
            extension if extension.starts_with("x-") => self.message(31, |named| {
                named.bytes(1, extension.as_bytes());
                named.any(2, value);
            }),
            // A test proves that there is nothing else.
            _ => {}
        }
    }
}
