//! All proxies of a server by their names, changed by one request at a time.

use std::{collections::BTreeMap, sync::Arc};

use tokio::sync::{Mutex, MutexGuard};

use crate::{
    error::ApiError,
    json::{self, Fields, Value},
    proxy::{Proxy, Shared},
};

/// A proxy as a client describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Description {
    name: String,
    listen: String,
    upstream: String,
    enabled: bool,
}

impl Description {
    /// Takes the fields of `value`, an object that messages call `owner`, into itself.
    fn read(&mut self, value: &Value, wanted: &str, owner: &str) -> Result<(), String> {
        let mut fields = Fields::of(owner);
        for (key, value) in json::entries(value, wanted)? {
            match key {
                key if Fields::named(key, "name") => fields.text("name", value, &mut self.name),
                key if Fields::named(key, "listen") => {
                    fields.text("listen", value, &mut self.listen);
                }
                key if Fields::named(key, "upstream") => {
                    fields.text("upstream", value, &mut self.upstream);
                }
                key if Fields::named(key, "enabled") => {
                    fields.flag("enabled", value, &mut self.enabled);
                }
                key if Fields::named(key, "Logger") => {
                    fields.object("Logger", value, "zerolog.Logger");
                }
                _ => {}
            }
        }
        fields.finish()
    }

    fn missing(&self) -> Option<&'static str> {
        if self.name.is_empty() {
            Some("name")
        } else if self.upstream.is_empty() {
            Some("upstream")
        } else {
            None
        }
    }
}

/// Reads the list that `/populate` and `--config` take.
fn descriptions(value: &Value) -> Result<Vec<Description>, ApiError> {
    const ONE: &str = "struct { toxiproxy.Proxy; Enabled *bool \"json:\\\"enabled\\\"\" }";
    let values = match value {
        Value::Array(values) => values.as_slice(),
        Value::Null => &[],
        other => {
            let kind = other.kind();
            let wrong = format!("json: cannot unmarshal {kind} into Go value of type []{ONE}");
            return Err(ApiError::bad_body(wrong));
        }
    };
    let mut all = Vec::new();
    let mut wrong = None;
    for value in values {
        let mut one = Description { enabled: true, ..Description::default() };
        if let Err(message) = one.read(value, ONE, "") {
            wrong.get_or_insert(message);
        }
        all.push(one);
    }
    if let Some(message) = wrong {
        return Err(ApiError::bad_body(message));
    }
    for (at, one) in all.iter().enumerate() {
        if let Some(field) = one.missing() {
            return Err(ApiError::missing_field(&format!("{field} at proxy {}", at + 1)));
        }
    }
    Ok(all)
}

/// The proxies of a server.
#[derive(Debug)]
pub(crate) struct Collection {
    proxies: Mutex<BTreeMap<String, Arc<Proxy>>>,
    shared: Shared,
}

impl Collection {
    pub(crate) fn new(shared: Shared) -> Self {
        Self { proxies: Mutex::default(), shared }
    }

    fn proxy(&self, described: Description) -> (Arc<Proxy>, bool) {
        let Description { name, listen, upstream, enabled } = described;
        (Arc::new(Proxy::new(&name, listen, upstream, self.shared.clone())), enabled)
    }

    pub(crate) async fn get(&self, name: &str) -> Result<Arc<Proxy>, ApiError> {
        find(&*self.proxies.lock().await, name)
    }

    pub(crate) async fn create(&self, value: &Value) -> Result<Arc<Proxy>, ApiError> {
        let mut described = Description { enabled: true, ..Description::default() };
        described.read(value, "toxiproxy.Proxy", "Proxy").map_err(ApiError::bad_body)?;
        if let Some(field) = described.missing() {
            return Err(ApiError::missing_field(field));
        }
        let mut proxies = self.proxies.lock().await;
        if proxies.contains_key(&described.name) {
            return Err(ApiError::proxy_already_exists());
        }
        let (proxy, enabled) = self.proxy(described);
        if enabled {
            proxy.start().await?;
        }
        proxies.insert(proxy.name.to_string(), Arc::clone(&proxy));
        Ok(proxy)
    }

    /// Changes what a request names of a proxy. Its name stays, whatever the request says.
    pub(crate) async fn update(&self, name: &str, value: &Value) -> Result<Arc<Proxy>, ApiError> {
        let proxies = self.proxies.lock().await;
        let proxy = find(&proxies, name)?;
        let mut described = Description {
            name: String::new(),
            listen: proxy.listen(),
            upstream: proxy.upstream(),
            enabled: proxy.is_enabled(),
        };
        described.read(value, "toxiproxy.Proxy", "Proxy").map_err(ApiError::bad_body)?;
        let Description { listen, upstream, enabled, .. } = described;
        proxy.update(listen, upstream, enabled).await?;
        Ok(proxy)
    }

    pub(crate) async fn remove(&self, name: &str) -> Result<(), ApiError> {
        let mut proxies = self.proxies.lock().await;
        find(&proxies, name)?.stop().await;
        proxies.remove(name);
        Ok(())
    }

    /// Adds each proxy of a list, in place of one of its name that is not the same. Up to the first
    /// that fails they stay.
    pub(crate) async fn populate(&self, value: &Value) -> (Vec<Arc<Proxy>>, Result<(), ApiError>) {
        let mut added = Vec::new();
        let described = match descriptions(value) {
            Ok(described) => described,
            Err(error) => return (added, Err(error)),
        };
        let mut proxies = self.proxies.lock().await;
        for one in described {
            match self.add_or_replace(&mut proxies, one).await {
                Ok(proxy) => added.push(proxy),
                Err(error) => return (added, Err(error)),
            }
        }
        (added, Ok(()))
    }

    async fn add_or_replace(
        &self,
        proxies: &mut MutexGuard<'_, BTreeMap<String, Arc<Proxy>>>,
        described: Description,
    ) -> Result<Arc<Proxy>, ApiError> {
        if let Some(existing) = proxies.get(&described.name) {
            if !existing.differs(&described.listen, &described.upstream).await? {
                return Ok(Arc::clone(existing));
            }
            existing.stop().await;
        }
        let (proxy, enabled) = self.proxy(described);
        if enabled {
            proxy.start().await?;
        }
        proxies.insert(proxy.name.to_string(), Arc::clone(&proxy));
        Ok(proxy)
    }

    /// Switches all proxies on and removes all toxics.
    pub(crate) async fn reset(&self) -> Result<(), ApiError> {
        for proxy in self.proxies.lock().await.values() {
            proxy.start().await?;
            proxy.toxics.clear();
        }
        Ok(())
    }

    /// Stops all proxies, in the order of their names, for good.
    pub(crate) async fn close(&self) {
        for (_, proxy) in std::mem::take(&mut *self.proxies.lock().await) {
            proxy.stop().await;
        }
    }

    /// All proxies by their names, as they stand in answers.
    pub(crate) async fn json(&self) -> String {
        let proxies = self.proxies.lock().await;
        let entry = |(name, proxy): (&String, &Arc<Proxy>)| {
            format!("{}:{}", json::text(name), proxy.json())
        };
        format!("{{{}}}", proxies.iter().map(entry).collect::<Vec<_>>().join(","))
    }
}

fn find(proxies: &BTreeMap<String, Arc<Proxy>>, name: &str) -> Result<Arc<Proxy>, ApiError> {
    proxies.get(name).cloned().ok_or_else(ApiError::proxy_not_found)
}
