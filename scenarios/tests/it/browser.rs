//! The pages in a real browser: what is clicked does what it says, and the console stays silent.
//!
//! Needs Chromium and ChromeDriver, and is compiled with the feature `browser` only: `cargo test
//! --workspace --features squall-scenarios/browser --test it browser::`.

use std::fs;

use serde_json::json;
use squall_reports::Record;

use super::support::{Folder, records, squall, text, window::Window};

/// The pages of the small records.
fn drawn(name: &str) -> Folder {
    let folder = Folder::with_records(name);
    let report = squall(&["report", &folder.path(), "--html"]);
    assert_eq!(report.status.code(), Some(1), "one run failed: {}", text(&report.stderr));
    folder
}

#[track_caller]
fn check_silent(console: &[String]) {
    assert!(console.is_empty(), "{console:#?}");
}

/// Waits until these runs are shown, in this order.
async fn check_shown(window: &Window, expected: &str) {
    window.wait_until(&format!("({SHOWN}) === '{expected}'")).await;
}

const SHOWN: &str = "[...document.querySelectorAll('#runs tbody tr')]\
    .filter((row) => !row.hidden).map((row) => row.dataset.scenario).join(' ')";

#[tokio::test]
async fn the_index_filters_sorts_and_leads_to_pages() {
    let folder = drawn("browser-index");
    let window = Window::open("profile-index").await;
    window.goto_file(&folder.0.join("index.html")).await;
    let all = "reviews-hung pool-broker-crashes deploy-rolling-update";
    assert_eq!(window.text(SHOWN).await, all, "the worst first");

    window.press("#by-scenario", "UPD").await;
    check_shown(&window, "deploy-rolling-update").await;
    assert_eq!(window.text("document.getElementById('shown').textContent").await, "1 of 3 shown");
    window.press("#by-scenario", "\u{e003}\u{e003}\u{e003}").await;
    check_shown(&window, all).await;
    for (filter, option, expected) in [
        ("#by-verdict", 2, "pool-broker-crashes"),
        ("#by-verdict", 0, all),
        ("#by-defect", 2, "reviews-hung"),
        ("#by-defect", 1, "pool-broker-crashes deploy-rolling-update"),
        ("#by-defect", 0, all),
    ] {
        window.choose(filter, option).await;
        check_shown(&window, expected).await;
    }
    window.press("#by-seed", "2").await;
    check_shown(&window, "").await;
    window.press("#by-seed", "\u{e003}").await;

    window.click("[data-sort=scenario]").await;
    assert_eq!(window.text(SHOWN).await, "deploy-rolling-update pool-broker-crashes reviews-hung");
    window.click("[data-sort=margin]").await;
    let by_margin = window.text(SHOWN).await;
    assert!(by_margin.starts_with("reviews-hung "), "the smallest margin first: {by_margin}");
    window.click("[data-sort=margin]").await;
    assert_ne!(window.text(SHOWN).await, by_margin);

    window.click("#runs tbody tr[data-scenario=reviews-hung] a").await;
    assert!(window.address().await.ends_with("/reviews-hung.html"));
    window.click("nav a").await;
    assert!(window.address().await.ends_with("/index.html"));
    check_silent(&window.console().await);
}

/// What the first chart shows of its width.
const LEFT: &str =
    "Number(document.querySelector('svg.plot').getAttribute('viewBox').split(' ')[0])";
const WIDTH: &str =
    "Number(document.querySelector('svg.plot').getAttribute('viewBox').split(' ')[2])";

#[tokio::test]
async fn charts_zoom_by_button_by_mouse_and_by_key() {
    let folder = drawn("browser-zoom");
    let window = Window::open("profile-zoom").await;
    window.goto_file(&folder.0.join("reviews-hung.html")).await;
    assert_eq!(window.value(WIDTH).await, json!(100_000));

    window.value("document.getElementById('timeline').scrollIntoView()").await;
    window.click("[data-zoom=in]").await;
    assert_eq!(window.value(WIDTH).await, json!(50_000));
    assert_eq!(window.value(LEFT).await, json!(25_000));
    let shown = window.text("document.getElementById('window').textContent").await;
    assert_eq!(shown, "2.25 s to 6.75 s");
    let ticks = "[...document.querySelectorAll('#axis .tick')].map((it) => it.textContent).join()";
    assert_eq!(window.text(ticks).await, "3 s,4 s,5 s,6 s");
    // What lies outside of the window is hidden, what is in it moves along.
    let hidden = |phase: &str| format!("document.querySelector('.strip .{phase}').hidden");
    assert_eq!(window.value(&hidden("after")).await, false);
    window.click("[data-zoom=in]").await;
    window.click("[data-zoom=in]").await;
    assert_eq!(window.value(&hidden("after")).await, true);
    assert_eq!(window.value(&hidden("during")).await, false);
    window.click("[data-zoom=all]").await;
    assert_eq!(window.value(WIDTH).await, json!(100_000));

    window.value("document.querySelector('figure.chart:not(.lanes)').scrollIntoView()").await;
    let [left, top, width, height] = window.place("figure.chart:not(.lanes) svg.plot").await;
    let middle = top + height / 2.0;
    window.drag((left + width * 0.25, middle), (left + width * 0.5, middle)).await;
    let near = |value: &serde_json::Value, expected: f64| {
        (value.as_f64().expect("a number") - expected).abs() < 300.0
    };
    let (from, length) = (window.value(LEFT).await, window.value(WIDTH).await);
    assert!(near(&from, 25_000.0) && near(&length, 25_000.0), "{from} {length}");

    // From the keyboard alone: the charts are reached by tab.
    let focused = "document.activeElement.classList.contains('chart')";
    window.press("[data-zoom=all]", "\u{e004}").await;
    assert_eq!(window.value(focused).await, true);
    for (key, expected) in [("0", (0, 100_000)), ("+", (25_000, 50_000))] {
        window.press(":focus", key).await;
        let found = (window.value(LEFT).await, window.value(WIDTH).await);
        assert_eq!(found, (json!(expected.0), json!(expected.1)), "{key}");
    }
    window.press(":focus", "\u{e014}").await;
    assert_eq!(window.value(LEFT).await, json!(37_500), "a quarter to the right");
    window.press(":focus", "-").await;
    assert_eq!(window.value(WIDTH).await, json!(100_000));
    check_silent(&window.console().await);
}

#[tokio::test]
async fn pointing_at_a_chart_says_what_was_there() {
    let folder = drawn("browser-hover");
    let window = Window::open("profile-hover").await;
    window.goto_file(&folder.0.join("reviews-hung.html")).await;
    assert_eq!(window.value("document.getElementById('tip').hidden").await, true);
    window.value("document.querySelector('figure.chart:not(.lanes)').scrollIntoView()").await;
    let [left, top, width, height] = window.place("figure.chart:not(.lanes) svg.plot").await;
    // The fault acts from 2.5 s to 4.5 s of 9 s.
    window.point_at((left + width * 3.0 / 9.0, top + height / 2.0)).await;
    let tip = window.text("document.getElementById('tip').textContent").await;
    for part in ["requests/s", "in flight at most", "hang at reviews: "] {
        assert!(tip.contains(part), "{part} in {tip}");
    }
    assert_eq!(window.value("document.querySelectorAll('.cursor').length > 3").await, true);
    window.point_at((left + width / 2.0, 2.0)).await;
    window.wait_until("document.getElementById('tip').hidden").await;
    check_silent(&window.console().await);
}

#[tokio::test]
async fn the_replay_command_can_be_copied() {
    let folder = drawn("browser-copy");
    let window = Window::open("profile-copy").await;
    window.goto_file(&folder.0.join("reviews-hung.html")).await;
    window.click("#copy").await;
    window.wait_until("document.getElementById('copied').textContent === 'copied'").await;
    // What was copied is what comes out elsewhere.
    window.goto_file(&folder.0.join("index.html")).await;
    window.press("#by-scenario", "\u{e009}v").await;
    let pasted = window.text("document.getElementById('by-scenario').value").await;
    assert_eq!(pasted, "cargo squall run reviews-hung --seed 1 --defect no-call-timeout");
    check_silent(&window.console().await);
}

/// The contrast of text with what is behind it, as WCAG 2 defines it, the smallest of the page,
/// with the text that has it. Text on a band or bar is looked at by people.
const CONTRAST: &str = r"(() => {
  const parse = (colour) => colour.match(/[\d.]+/g).map(Number);
  const light = ([r, g, b]) => {
    const part = (value) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    };
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  };
  const ground = (element) => {
    for (let it = element; it; it = it.parentElement) {
      const colour = parse(getComputedStyle(it).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  let worst = [99, ''];
  for (const element of document.querySelectorAll('body *:not(script):not(svg *)')) {
    const own = [...element.childNodes].some((it) => it.nodeType === 3 && it.data.trim());
    if (!own || !element.checkVisibility() || element.closest('.names')) continue;
    const [a, b] = [light(parse(getComputedStyle(element).color)), light(ground(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < worst[0]) worst = [ratio, element.outerHTML.slice(0, 80)];
  }
  return worst;
})()";

#[tokio::test]
async fn pages_are_readable_in_both_themes_and_on_a_phone() {
    let folder = drawn("browser-themes");
    let window = Window::open("profile-themes").await;
    for page in ["index", "reviews-hung", "pool-broker-crashes", "deploy-rolling-update"] {
        window.goto_file(&folder.0.join(format!("{page}.html"))).await;
        let mut grounds = Vec::new();
        for theme in ["light", "dark"] {
            window.prefer(theme).await;
            grounds.push(window.text("getComputedStyle(document.body).backgroundColor").await);
            let contrast = window.value(CONTRAST).await;
            let ratio = contrast[0].as_f64().expect("a ratio");
            assert!((4.5..22.0).contains(&ratio), "{page} {theme}: {contrast}");
            window.picture(&format!("{page}-{theme}")).await;
        }
        assert_ne!(grounds[0], grounds[1], "{page}");
        window.resize(390, 844).await;
        let wide = "document.documentElement.scrollWidth";
        assert_eq!(window.value(wide).await, json!(390), "{page} is wider than a phone");
        window.picture(&format!("{page}-phone")).await;
        window.resize(1_280, 900).await;
    }
    check_silent(&window.console().await);
}

#[tokio::test]
async fn hostile_text_runs_nothing() {
    let folder = Folder::new("browser-hostile");
    let (mut record, mut judgement) =
        Record::read(&records().join("reviews-hung.jsonl")).expect("a whole record");
    let evil =
        "</script><script>pwned=1</script><img src=x onerror=pwned=1><svg onload=pwned=1>\"'`";
    evil.clone_into(&mut record.header.hypothesis);
    record.header.hosts.iter_mut().for_each(|host| evil.clone_into(host));
    for fault in &mut record.header.faults {
        evil.clone_into(&mut fault.label);
        evil.clone_into(&mut fault.counts);
    }
    let texts: Vec<String> = record.symbols.iter().map(|text| format!("{text}{evil}")).collect();
    record.symbols = texts.iter().map(String::as_str).collect();
    for finding in &mut judgement.findings {
        for text in [&mut finding.name, &mut finding.scope, &mut finding.reason] {
            evil.clone_into(text);
        }
    }
    let name = "javascript:pwned=1 & <b> #?%";
    record.write(&judgement, &folder.0.join(format!("{name}.jsonl"))).expect("a record");
    fs::write(folder.0.join("<img src=x onerror=pwned=1>.jsonl"), "<script>").expect("a file");
    let report = squall(&["report", &folder.path(), "--html"]);
    assert_eq!(report.status.code(), Some(1), "the run failed, and one file is no record");

    let window = Window::open("profile-hostile").await;
    window.goto_file(&folder.0.join("index.html")).await;
    window.click("[data-sort=scenario]").await;
    assert_eq!(window.value("typeof pwned").await, "undefined");
    window.click("#runs tbody a").await;
    assert_eq!(window.text("document.querySelector('.hypothesis').textContent").await, evil);
    window.value("document.querySelector('svg.plot').scrollIntoView()").await;
    let [left, top, width, height] = window.place("svg.plot").await;
    window.point_at((left + width / 3.0, top + height / 2.0)).await;
    assert_eq!(window.value("typeof pwned").await, "undefined");
    assert_eq!(
        window.value("document.querySelectorAll('img, svg[onload]').length").await,
        json!(0)
    );
    check_silent(&window.console().await);
}
