"use strict";
async function refresh() {
  const state = document.getElementById("state");
  try {
    const answer = await fetch(location.href, { cache: "no-store", signal: AbortSignal.timeout(5000) });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const name of ["state", "now"]) document.getElementById(name).replaceWith(page.getElementById(name));
  } catch {
    state.className = "state bad";
    state.textContent = "no answer";
  }
  setTimeout(refresh, document.hidden ? 15000 : 2000);
}
setTimeout(refresh, 2000);
