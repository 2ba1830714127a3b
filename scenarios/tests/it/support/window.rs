//! A window of a browser, as a test looks at it.

use std::{
    fmt::Debug,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use fantoccini::{
    Client, Locator,
    actions::{InputSource, MOUSE_BUTTON_LEFT, MouseActions, PointerAction},
    elements::Element,
    wd::WebDriverCompatibleCommand,
};
use serde_json::{Value, json};

use super::driver::Driver;

/// How long something on a page may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A browser with one window, which ends with it.
pub(crate) struct Window {
    client: Client,
    _driver: Driver,
}

/// A command of ChromeDriver that WebDriver does not have.
#[derive(Debug)]
struct Vendor {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Vendor {
    fn endpoint(
        &self,
        base_url: &url::Url,
        session_id: Option<&str>,
    ) -> Result<url::Url, url::ParseError> {
        base_url.join(&format!("session/{}/{}", session_id.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.body.to_string()))
    }
}

impl Window {
    pub(crate) async fn open(name: &str) -> Self {
        let driver = Driver::start(name);
        let client = driver.browser(PATIENCE).await;
        let window = Self { client, _driver: driver };
        window.resize(1_280, 900).await;
        window
    }

    pub(crate) async fn goto(&self, address: &str) {
        self.client.goto(address).await.expect("the page can be opened");
    }

    /// Opens a file.
    pub(crate) async fn goto_file(&self, path: &Path) {
        let path = fs::canonicalize(path).expect("the file is there");
        let address = url::Url::from_file_path(path).expect("a path from the root");
        self.goto(address.as_str()).await;
    }

    pub(crate) async fn address(&self) -> String {
        self.client.current_url().await.expect("an address").to_string()
    }

    /// What a script says: the value of an expression.
    pub(crate) async fn value(&self, expression: &str) -> Value {
        let script = format!("return ({expression});");
        let value = self.client.execute(&script, Vec::new()).await;
        value.unwrap_or_else(|error| panic!("{expression}: {error}"))
    }

    /// The same, as text.
    pub(crate) async fn text(&self, expression: &str) -> String {
        let value = self.value(expression).await;
        value.as_str().unwrap_or_else(|| panic!("{expression} is {value}")).to_owned()
    }

    /// Waits until an expression is true.
    pub(crate) async fn wait_until(&self, expression: &str) {
        let begun = Instant::now();
        while self.value(expression).await != Value::Bool(true) {
            assert!(begun.elapsed() < PATIENCE, "waited in vain for {expression}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub(crate) async fn find(&self, selector: &str) -> Element {
        let found = self.client.find(Locator::Css(selector)).await;
        found.unwrap_or_else(|error| panic!("{selector}: {error}"))
    }

    pub(crate) async fn click(&self, selector: &str) {
        let clicked = self.find(selector).await.click().await;
        clicked.unwrap_or_else(|error| panic!("{selector}: {error}"));
    }

    /// Chooses an option of a list by its place, from the keyboard.
    pub(crate) async fn choose(&self, selector: &str, place: usize) {
        let (home, down) = ("\u{e011}", "\u{e015}");
        self.press(selector, &format!("{home}{}", down.repeat(place))).await;
    }

    /// Types into what has the focus, or into what `selector` says.
    pub(crate) async fn press(&self, selector: &str, keys: &str) {
        let typed = self.find(selector).await.send_keys(keys).await;
        typed.unwrap_or_else(|error| panic!("{selector}: {error}"));
    }

    /// Presses the button of the mouse at one place of the window, moves to another, and lets go.
    pub(crate) async fn drag(&self, from: (f64, f64), to: (f64, f64)) {
        let duration = Some(Duration::from_millis(50));
        let moved = |(x, y): (f64, f64)| PointerAction::MoveTo { duration, x, y };
        let mouse = MouseActions::new("mouse".to_owned())
            .then(moved(from))
            .then(PointerAction::Down { button: MOUSE_BUTTON_LEFT })
            .then(moved(to))
            .then(PointerAction::Up { button: MOUSE_BUTTON_LEFT });
        self.client.perform_actions(mouse).await.expect("a mouse");
    }

    /// Moves the mouse to a place of the window.
    pub(crate) async fn point_at(&self, (x, y): (f64, f64)) {
        let duration = Some(Duration::from_millis(50));
        let mouse =
            MouseActions::new("mouse".to_owned()).then(PointerAction::MoveTo { duration, x, y });
        self.client.perform_actions(mouse).await.expect("a mouse");
    }

    /// The box of an element in the window: left, top, width, height.
    pub(crate) async fn place(&self, selector: &str) -> [f64; 4] {
        let expression = format!(
            "(() => {{ const box = document.querySelector({}).getBoundingClientRect(); \
             return [box.left, box.top, box.width, box.height]; }})()",
            json!(selector)
        );
        serde_json::from_value(self.value(&expression).await).expect("a box")
    }

    /// Makes the window as large as this, as a device of that size would be.
    pub(crate) async fn resize(&self, width: u32, height: u32) {
        let size = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600,
        });
        self.devtools("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// Chooses the theme that the person at the screen prefers: `light` or `dark`.
    pub(crate) async fn prefer(&self, theme: &str) {
        let features = json!([{ "name": "prefers-color-scheme", "value": theme }]);
        self.devtools("Emulation.setEmulatedMedia", json!({ "features": features })).await;
    }

    async fn devtools(&self, command: &str, parameters: Value) -> Value {
        let body = json!({ "cmd": command, "params": parameters });
        let done = self.client.issue_cmd(Vendor { path: "goog/cdp/execute", body }).await;
        done.unwrap_or_else(|error| panic!("{command}: {error}"))
    }

    /// What the console has said since it was asked last.
    pub(crate) async fn console(&self) -> Vec<String> {
        let body = json!({ "type": "browser" });
        let said = self.client.issue_cmd(Vendor { path: "se/log", body }).await.expect("a log");
        let entries = said.as_array().cloned().unwrap_or_default();
        entries.iter().map(|entry| entry["message"].to_string()).collect()
    }

    /// Keeps a picture of the window in the target folder.
    pub(crate) async fn picture(&self, name: &str) -> PathBuf {
        let picture = self.client.screenshot().await.expect("a picture");
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pictures");
        fs::create_dir_all(&folder).expect("the target folder can be written to");
        let path = folder.join(name).with_extension("png");
        fs::write(&path, picture).expect("a picture can be kept");
        path
    }
}
