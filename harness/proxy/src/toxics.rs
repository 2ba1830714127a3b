//! The toxics of one proxy, in order, as the API changes them and as its connections see them.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use crate::{
    error::ApiError,
    json::{self, Fields, Value},
    toxic::{Attributes, Direction},
};

/// One toxic of a proxy. A change makes another one with the same `id`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Toxic {
    /// Tells it from a later one of the same name.
    pub(crate) id: u64,
    /// Counts its changes.
    pub(crate) revision: u64,
    pub(crate) name: String,
    /// The direction as the client wrote it.
    stream: String,
    pub(crate) direction: Direction,
    pub(crate) toxicity: f32,
    pub(crate) attributes: Attributes,
}

impl Toxic {
    /// Reads what a client wants to add: defaults are downstream and a toxicity of 1.
    fn read(value: &Value, existing: &Chains) -> Result<Self, ApiError> {
        let (mut name, mut kind) = (String::new(), String::new());
        let (mut stream, mut toxicity) = ("downstream".to_owned(), 1.0);
        let mut given = Vec::new();
        let entries = json::entries(value, "toxics.ToxicWrapper").map_err(ApiError::bad_body)?;
        let mut fields = Fields::of("ToxicWrapper");
        for (key, value) in entries {
            match key {
                key if Fields::named(key, "name") => fields.text("name", value, &mut name),
                key if Fields::named(key, "type") => fields.text("type", value, &mut kind),
                key if Fields::named(key, "stream") => fields.text("stream", value, &mut stream),
                key if Fields::named(key, "toxicity") => {
                    fields.float("toxicity", value, &mut toxicity);
                }
                key if Fields::named(key, "attributes") => {
                    given.extend(fields.object("attributes", value, "toxics.NoopToxic"));
                }
                _ => {}
            }
        }
        fields.finish().map_err(ApiError::bad_body)?;
        let direction = Direction::parse(&stream).ok_or_else(ApiError::invalid_stream)?;
        if name.is_empty() {
            name = format!("{kind}_{stream}");
        }
        let mut attributes = Attributes::of_type(&kind).ok_or_else(ApiError::invalid_toxic_type)?;
        if existing.find(&name).is_some() {
            return Err(ApiError::toxic_already_exists());
        }
        read_attributes(&mut attributes, given)?;
        Ok(Self { id: 0, revision: 0, name, stream, direction, toxicity, attributes })
    }

    /// It with what a client wants to change: attributes and toxicity. A request that is refused
    /// changes nothing; Toxiproxy would have taken the attributes up to the wrong one.
    fn changed(&self, value: &Value) -> Result<Self, ApiError> {
        const WANTED: &str = "struct { Attributes interface {} \"json:\\\"attributes\\\"\"; \
                              Toxicity float32 \"json:\\\"toxicity\\\"\" }";
        let mut toxic = Self { revision: self.revision + 1, ..self.clone() };
        let wanted = format!("toxics.{}", toxic.attributes.go_type());
        let mut given = Vec::new();
        let mut fields = Fields::of("");
        for (key, value) in json::entries(value, WANTED).map_err(ApiError::bad_body)? {
            if Fields::named(key, "toxicity") {
                fields.float("toxicity", value, &mut toxic.toxicity);
            } else if Fields::named(key, "attributes") {
                given.extend(fields.object("attributes", value, &wanted));
            }
        }
        fields.finish().map_err(ApiError::bad_body)?;
        read_attributes(&mut toxic.attributes, given)?;
        Ok(toxic)
    }

    /// As it stands in answers.
    pub(crate) fn json(&self) -> String {
        let mut attributes = self.attributes;
        let fields = attributes.fields().into_iter();
        let fields: Vec<String> =
            fields.map(|(name, value)| format!("{}:{value}", json::text(name))).collect();
        format!(
            "{{\"attributes\":{{{}}},\"name\":{},\"type\":{},\"stream\":{},\"toxicity\":{}}}",
            fields.join(","),
            json::text(&self.name),
            json::text(self.attributes.type_name()),
            json::text(&self.stream),
            json::float(self.toxicity),
        )
    }
}

fn read_attributes<'v>(
    attributes: &mut Attributes,
    given: impl IntoIterator<Item = &'v (String, Value)>,
) -> Result<(), ApiError> {
    let integer = attributes.go_integer();
    let mut fields = Fields::of(format!("{}.attributes", attributes.go_type()));
    for (key, value) in given {
        for (name, into) in attributes.fields() {
            if Fields::named(key, name) {
                fields.integer(name, value, integer, into);
            }
        }
    }
    fields.finish().map_err(ApiError::bad_body)
}

/// The toxics of each direction, in the order in which they were added.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chains {
    upstream: Vec<Arc<Toxic>>,
    downstream: Vec<Arc<Toxic>>,
}

impl Chains {
    pub(crate) fn of(&self, direction: Direction) -> &[Arc<Toxic>] {
        match direction {
            Direction::Upstream => &self.upstream,
            Direction::Downstream => &self.downstream,
        }
    }

    fn of_mut(&mut self, direction: Direction) -> &mut Vec<Arc<Toxic>> {
        match direction {
            Direction::Upstream => &mut self.upstream,
            Direction::Downstream => &mut self.downstream,
        }
    }

    /// Upstream first, as answers list them.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Toxic>> {
        self.upstream.iter().chain(&self.downstream)
    }

    fn find(&self, name: &str) -> Option<&Arc<Toxic>> {
        self.all().find(|toxic| toxic.name == name)
    }
}

/// The toxics of one proxy. Each change is seen by its connections before they read or write again.
#[derive(Debug)]
pub(crate) struct Toxics {
    chains: watch::Sender<Arc<Chains>>,
    /// Held during a change; counts the toxics that were added.
    added: Mutex<u64>,
}

impl Toxics {
    pub(crate) fn new() -> Self {
        Self { chains: watch::Sender::new(Arc::default()), added: Mutex::new(0) }
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Arc<Chains>> {
        self.chains.subscribe()
    }

    pub(crate) fn chains(&self) -> Arc<Chains> {
        Arc::clone(&self.chains.borrow())
    }

    pub(crate) fn get(&self, name: &str) -> Result<Arc<Toxic>, ApiError> {
        self.chains().find(name).cloned().ok_or_else(ApiError::toxic_not_found)
    }

    pub(crate) fn add(&self, value: &Value) -> Result<Arc<Toxic>, ApiError> {
        let mut added = self.lock();
        let mut chains = (*self.chains()).clone();
        let toxic = Toxic::read(value, &chains)?;
        *added += 1;
        let toxic = Arc::new(Toxic { id: *added, ..toxic });
        chains.of_mut(toxic.direction).push(Arc::clone(&toxic));
        self.chains.send_replace(Arc::new(chains));
        Ok(toxic)
    }

    pub(crate) fn change(&self, name: &str, value: &Value) -> Result<Arc<Toxic>, ApiError> {
        let _changing = self.lock();
        let before = self.get(name)?;
        let toxic = Arc::new(before.changed(value)?);
        let mut chains = (*self.chains()).clone();
        for place in chains.of_mut(toxic.direction) {
            if place.id == toxic.id {
                *place = Arc::clone(&toxic);
            }
        }
        self.chains.send_replace(Arc::new(chains));
        Ok(toxic)
    }

    pub(crate) fn remove(&self, name: &str) -> Result<(), ApiError> {
        let _changing = self.lock();
        let toxic = self.get(name)?;
        let mut chains = (*self.chains()).clone();
        chains.of_mut(toxic.direction).retain(|other| other.id != toxic.id);
        self.chains.send_replace(Arc::new(chains));
        Ok(())
    }

    pub(crate) fn clear(&self) {
        let _changing = self.lock();
        self.chains.send_replace(Arc::default());
    }

    /// All of them, as they stand in answers.
    pub(crate) fn json(&self) -> String {
        let toxics: Vec<String> = self.chains().all().map(|toxic| toxic.json()).collect();
        format!("[{}]", toxics.join(","))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, u64> {
        self.added.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
