//! What services promise each other: the protos of the last release, as lines of
//! `protos/released.txt`, and which changes of them break whoever still speaks the old ones.
//!
//! The rules are those that buf's category `WIRE_JSON` has for what these protos use: what is on the
//! wire or in JSON keeps its number, its name, its name in JSON and its type; what goes has its number
//! and its name reserved, so that nobody takes them for something else, and what is reserved stays so.
//! Beyond those, no service and no call goes either. What is new breaks nobody.

use std::collections::BTreeMap;

use protox::prost_reflect::prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorSet,
    field_descriptor_proto::{Label, Type},
};

/// A promise, and how it is kept: the subject of a line and the rest of it.
type Promises = BTreeMap<String, String>;

/// What a set of protos promises.
#[derive(Debug, Default)]
pub(crate) struct Contract {
    promises: Promises,
}

impl Contract {
    pub(crate) fn of(protos: &FileDescriptorSet) -> Self {
        let mut contract = Self::default();
        for file in &protos.file {
            for message in &file.message_type {
                contract.message(file.package(), message);
            }
            for values in &file.enum_type {
                contract.values(file.package(), values);
            }
            for service in &file.service {
                let service_name = format!("{}.{}", file.package(), service.name());
                contract.promise(format!("service {service_name}"), String::new());
                for call in &service.method {
                    let stream = |streams| if streams { "stream " } else { "" };
                    let request = stream(call.client_streaming());
                    let reply = stream(call.server_streaming());
                    let types = format!(
                        "{request}{} -> {reply}{}",
                        call.input_type().trim_start_matches('.'),
                        call.output_type().trim_start_matches('.')
                    );
                    contract.promise(format!("rpc {service_name}/{}", call.name()), types);
                }
            }
        }
        contract
    }

    /// As it was written down.
    pub(crate) fn read(text: &str) -> Self {
        let promises = text.lines().filter(|line| !line.is_empty()).map(|line| {
            let (subject, rest) = line.split_once(": ").unwrap_or((line, ""));
            (subject.to_owned(), rest.to_owned())
        });
        Self { promises: promises.collect() }
    }

    /// As it is written down, one promise a line.
    pub(crate) fn write(&self) -> String {
        let lines = self.promises.iter().map(|(subject, rest)| match rest.as_str() {
            "" => format!("{subject}\n"),
            rest => format!("{subject}: {rest}\n"),
        });
        lines.collect()
    }

    /// What of this contract `new` does not keep.
    pub(crate) fn broken_by(&self, new: &Self) -> Vec<String> {
        let broken =
            self.promises.iter().filter_map(|(subject, was)| match new.promises.get(subject) {
                Some(is) if is == was => None,
                Some(is) => Some(format!("{subject}: expected {was}, found {is}")),
                None => new.missing(subject, was),
            });
        broken.collect()
    }

    /// What is wrong with there being no such thing any more.
    fn missing(&self, subject: &str, was: &str) -> Option<String> {
        let (kind, place) = subject.split_once(' ')?;
        let member = place.split_once(' ').filter(|_| kind == "field" || kind == "value");
        let Some((owner, number)) = member else {
            return Some(format!("{subject}: expected as before, found none"));
        };
        let name = was.split(' ').next()?;
        if !self.is_reserved(owner, number.parse().ok()?) {
            return Some(format!("{subject}: expected {was} or a reserved number, found none"));
        }
        (!self.promises.contains_key(&format!("reserved {owner} {name}")))
            .then(|| format!("{subject}: expected {was} or a reserved name, found none"))
    }

    /// Is the number in one of the reserved ranges of a message or an enumeration?
    fn is_reserved(&self, owner: &str, number: i32) -> bool {
        let ranges = self.promises.keys().filter_map(|subject| {
            let range = subject.strip_prefix("reserved ")?.strip_prefix(owner)?.trim_start();
            let (first, last) = range.split_once("..=")?;
            Some(first.parse::<i32>().ok()?..=last.parse::<i32>().ok()?)
        });
        ranges.into_iter().any(|range| range.contains(&number))
    }

    fn promise(&mut self, subject: String, rest: String) {
        self.promises.insert(subject, rest);
    }

    fn message(&mut self, within: &str, message: &DescriptorProto) {
        let name = format!("{within}.{}", message.name());
        self.promise(format!("message {name}"), String::new());
        for field in &message.field {
            self.promise(format!("field {name} {}", field.number()), field_text(message, field));
        }
        for range in &message.reserved_range {
            // The end is not in it.
            let (first, last) = (range.start(), range.end() - 1);
            self.promise(format!("reserved {name} {first}..={last}"), String::new());
        }
        for reserved in &message.reserved_name {
            self.promise(format!("reserved {name} {reserved}"), String::new());
        }
        for inner in &message.nested_type {
            self.message(&name, inner);
        }
        for values in &message.enum_type {
            self.values(&name, values);
        }
    }

    fn values(&mut self, within: &str, values: &EnumDescriptorProto) {
        let name = format!("{within}.{}", values.name());
        self.promise(format!("enum {name}"), String::new());
        let mut names: BTreeMap<i32, Vec<&str>> = BTreeMap::new();
        for value in &values.value {
            names.entry(value.number()).or_default().push(value.name());
        }
        for (number, names) in names {
            self.promise(format!("value {name} {number}"), names.join(" or "));
        }
        for range in &values.reserved_range {
            // Of an enumeration the end is in it.
            let (first, last) = (range.start(), range.end());
            self.promise(format!("reserved {name} {first}..={last}"), String::new());
        }
        for reserved in &values.reserved_name {
            self.promise(format!("reserved {name} {reserved}"), String::new());
        }
    }
}

/// Name, label and type of a field, and the choice that it is one of.
fn field_text(message: &DescriptorProto, field: &FieldDescriptorProto) -> String {
    let repeated = if field.label() == Label::Repeated { "repeated " } else { "" };
    let optional = if field.proto3_optional() { "optional " } else { "" };
    let kind = match field.r#type() {
        Type::Message | Type::Enum | Type::Group => {
            field.type_name().trim_start_matches('.').to_owned()
        }
        plain => format!("{plain:?}").to_lowercase(),
    };
    let choice = field.oneof_index.filter(|_| !field.proto3_optional());
    let choice = choice.and_then(|index| message.oneof_decl.get(usize::try_from(index).ok()?));
    let choice = choice.map_or(String::new(), |choice| format!(" of {}", choice.name()));
    // protox always says it.
    let json = match field.json_name() {
        usual if usual == in_json(field.name()) => String::new(),
        other => format!(" as {other}"),
    };
    format!("{} {repeated}{optional}{kind}{choice}{json}", field.name())
}

/// The name of a field in JSON, unless the proto says otherwise: `lowerCamelCase`.
fn in_json(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |all, word| {
        let mut letters = word.chars();
        let upper = letters.next().map(|letter| letter.to_ascii_uppercase());
        all + &upper.into_iter().chain(letters).collect::<String>()
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::Contract;

    const BEFORE: &str = "message Order {\n  string id = 1;\n  uint32 pieces = 2;\n  \
        repeated string notes = 3;\n  State state = 4;\n  oneof way { string post = 5; string van = 6; }\n}\n\
        message Empty {}\n\
        enum State {\n  STATE_UNKNOWN = 0;\n  STATE_OPEN = 1;\n}\n\
        service Orders {\n  rpc Take(Order) returns (Empty);\n  rpc Watch(Empty) returns (stream Order);\n}\n";

    fn contract(body: &str, name: &str) -> Contract {
        let folder =
            std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("contract-{name}"));
        fs::create_dir_all(&folder).expect("a folder");
        let text = format!("syntax = \"proto3\";\npackage shop.v1;\n{body}");
        fs::write(folder.join("orders.proto"), text).expect("written");
        Contract::of(&protox::compile(["orders.proto"], [&folder]).expect("a proto"))
    }

    /// What is broken when `from` becomes `to`.
    #[track_caller]
    fn check(from: &str, to: &str, expected: &[&str]) {
        assert!(BEFORE.contains(from), "{from}");
        let name = std::panic::Location::caller().line().to_string();
        let before = Contract::read(&contract(BEFORE, &format!("{name}-before")).write());
        let after = contract(&BEFORE.replacen(from, to, 1), &name);
        assert_eq!(before.broken_by(&after), expected);
    }

    #[test]
    fn what_is_new_breaks_nobody() {
        check("string id = 1;", "string id = 1; bytes more = 9;", &[]);
        check("message Empty {}", "message Empty {} message More { string a = 1; }", &[]);
        check("STATE_OPEN = 1;", "STATE_OPEN = 1; STATE_SHUT = 2;", &[]);
        check("rpc Take", "rpc Cancel(Order) returns (Empty); rpc Take", &[]);
    }

    #[test]
    fn what_goes_leaves_its_number_and_its_name_reserved() {
        let field = "field shop.v1.Order 2: expected pieces uint32 or a reserved";
        check("  uint32 pieces = 2;\n", "", &[&format!("{field} number, found none")]);
        check("uint32 pieces = 2;", "reserved 2;", &[&format!("{field} name, found none")]);
        check(
            "uint32 pieces = 2;",
            "reserved \"pieces\";",
            &[&format!("{field} number, found none")],
        );
        check("uint32 pieces = 2;", "reserved 2; reserved \"pieces\";", &[]);
        let value = "value shop.v1.State 1: expected STATE_OPEN or a reserved";
        check("  STATE_OPEN = 1;\n", "", &[&format!("{value} number, found none")]);
        check("STATE_OPEN = 1;", "reserved 1; reserved \"STATE_OPEN\";", &[]);
    }

    #[test]
    fn what_stays_keeps_its_number_its_name_and_its_type() {
        check(
            "uint32 pieces = 2",
            "uint64 pieces = 2",
            &["field shop.v1.Order 2: expected pieces uint32, found pieces uint64"],
        );
        check(
            "uint32 pieces = 2",
            "uint32 count = 2",
            &["field shop.v1.Order 2: expected pieces uint32, found count uint32"],
        );
        check(
            "uint32 pieces = 2",
            "optional uint32 pieces = 2",
            &["field shop.v1.Order 2: expected pieces uint32, found pieces optional uint32"],
        );
        check(
            "repeated string notes = 3",
            "string notes = 3",
            &["field shop.v1.Order 3: expected notes repeated string, found notes string"],
        );
        check(
            "oneof way { string post = 5; string van = 6; }",
            "string post = 5; string van = 6;",
            &[
                "field shop.v1.Order 5: expected post string of way, found post string",
                "field shop.v1.Order 6: expected van string of way, found van string",
            ],
        );
        check(
            "STATE_OPEN = 1",
            "STATE_TAKEN = 1",
            &["value shop.v1.State 1: expected STATE_OPEN, found STATE_TAKEN"],
        );
    }

    #[test]
    fn what_is_reserved_stays_reserved() {
        let before =
            BEFORE.replacen("uint32 pieces = 2;", "reserved 2, 7 to max; reserved \"pieces\";", 1);
        let before = Contract::read(&contract(&before, "reserved-before").write());
        let after = contract(BEFORE, "reserved-after");
        assert_eq!(
            before.broken_by(&after),
            [
                "reserved shop.v1.Order 2..=2: expected as before, found none",
                "reserved shop.v1.Order 7..=536870911: expected as before, found none",
                "reserved shop.v1.Order pieces: expected as before, found none",
            ]
        );
    }

    #[test]
    fn the_name_in_json_is_a_promise() {
        check(
            "uint32 pieces = 2;",
            "uint32 pieces = 2 [json_name = \"count\"];",
            &["field shop.v1.Order 2: expected pieces uint32, found pieces uint32 as count"],
        );
        assert_eq!(super::in_json("first_id_of_it"), "firstIdOfIt");
    }

    #[test]
    fn calls_are_made_as_before() {
        check(
            "  rpc Take(Order) returns (Empty);\n",
            "",
            &["rpc shop.v1.Orders/Take: expected as before, found none"],
        );
        check(
            "returns (stream Order)",
            "returns (Order)",
            &["rpc shop.v1.Orders/Watch: expected shop.v1.Empty -> stream shop.v1.Order, found \
             shop.v1.Empty -> shop.v1.Order"],
        );
        check(
            "Take(Order)",
            "Take(Empty)",
            &[
                "rpc shop.v1.Orders/Take: expected shop.v1.Order -> shop.v1.Empty, found shop.v1.Empty -> \
             shop.v1.Empty",
            ],
        );
    }
}
