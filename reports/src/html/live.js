// Renews what is shown when the server says that something has changed. Filters, the order and
// the place on the page stay.
(() => {
  const connection = document.getElementById("connection");
  const PARTS = ["#summary", "#in-progress", "#unread", "#runs tbody", "#by-defect"];
  let renewing = false;
  let again = false;

  const renew = async () => {
    if (renewing) {
      again = true;
      return;
    }
    renewing = true;
    try {
      const answer = await fetch("index.html", { cache: "no-store" });
      if (!answer.ok) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const part of PARTS) {
        const [old, fresh] = [document.querySelector(part), page.querySelector(part)];
        if (!fresh || old.innerHTML === fresh.innerHTML) continue;
        const chosen = old.value;
        old.replaceChildren(...fresh.childNodes);
        if (chosen !== undefined) old.value = chosen;
      }
      document.dispatchEvent(new Event("renewed"));
    } catch {
      // The server has gone; the stream of events says so, and that it is back.
    } finally {
      renewing = false;
      if (again) {
        again = false;
        renew();
      }
    }
  };

  // A browser has six connections to a server, and each page that listens holds one: only those
  // that are looked at do.
  let events = null;
  const listen = () => {
    if (events) events.close();
    events = null;
    if (document.hidden) return;
    events = new EventSource("events");
    events.addEventListener("message", renew);
    events.addEventListener("open", () => {
      connection.textContent = "";
    });
    events.addEventListener("error", () => {
      connection.textContent = "The server does not answer. What is shown may be old.";
    });
  };
  document.addEventListener("visibilitychange", listen);
  listen();
})();
