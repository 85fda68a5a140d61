// Shows the effect of a proposal once the worker has computed it. Without JavaScript, the page reloads itself.

const INTERVAL = 2_000; // ms

setInterval(async () => {
  if (document.visibilityState !== "visible") return;
  try {
    const response = await fetch(location.href, { cache: "no-store" });
    const page = await response.text();
    if (response.ok && !response.redirected && !page.includes("data-waits")) location.reload();
  } catch {
    // The network is down; the next attempt may succeed.
  }
}, INTERVAL);
