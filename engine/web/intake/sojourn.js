/* sojourn in a page: <script src="https://HOST/sojourn.js" data-key="WRITE_KEY" async></script>
   sojourn.track(event, properties) .identify(userId, traits) .page(name, properties) .screen(name, properties)
   .group(groupId, traits) .alias(userId) .reset(); calls made before it is loaded go to window.sojourn = [["page"]].
   No cookie: an anonymous id in localStorage, and the calls that were not answered yet. */
(function () {
  "use strict";
  var me = document.currentScript, host = new URL(me.src).origin, key = me.getAttribute("data-key");
  var early = window.sojourn || [], queue = [], sending = false, wait = 1000, store;
  try { store = window.localStorage; store.setItem("sj_try", "1"); store.removeItem("sj_try"); } catch (_) {
    var kept = {};
    store = { getItem: function (k) { return kept[k] || null; }, setItem: function (k, v) { kept[k] = v; },
              removeItem: function (k) { delete kept[k]; } };
  }
  function id() {
    if (window.crypto && crypto.randomUUID) return crypto.randomUUID();
    return "10000000-1000-4000-8000-100000000000".replace(/[018]/g, function (c) {
      return (c ^ (crypto.getRandomValues(new Uint8Array(1))[0] & (15 >> (c / 4)))).toString(16); });
  }
  function anonymous() {
    var a = store.getItem("sj_anonymous");
    if (!a) store.setItem("sj_anonymous", (a = id()));
    return a;
  }
  function keep() { try { store.setItem("sj_queue", JSON.stringify(queue.slice(-100))); } catch (_) { /* full */ } }
  function body(items) {
    return JSON.stringify({ batch: items, writeKey: key, sentAt: new Date().toISOString() });
  }
  function later() { sending = false; setTimeout(flush, wait); wait = Math.min(wait * 2, 60000); }
  function flush() {
    if (sending || !queue.length) return;
    sending = true;
    var items = queue.slice(0, 20);
    fetch(host + "/v1/batch", { method: "POST", body: body(items), headers: { "Content-Type": "text/plain" } })
      .then(function (answer) {
        if (answer.status === 429 || answer.status >= 500) return later();
        queue.splice(0, items.length); keep(); sending = false; wait = 1000; flush();
      }, later);
  }
  function call(type, more) {
    var item = { type: type, messageId: id(), anonymousId: anonymous(), timestamp: new Date().toISOString() };
    var user = store.getItem("sj_user");
    if (user) item.userId = user;
    for (var name in more) item[name] = more[name];
    queue.push(item); keep(); setTimeout(flush, 0);
  }
  var api = {
    identify: function (user, traits) {
      if (user !== null && typeof user === "object") { traits = user; user = null; }
      if (user) store.setItem("sj_user", String(user));
      call("identify", { traits: traits || {} });
    },
    track: function (event, properties) { call("track", { event: event, properties: properties || {} }); },
    page: function (name, properties) {
      var seen = { url: location.href, path: location.pathname, title: document.title, referrer: document.referrer };
      for (var one in properties || {}) seen[one] = properties[one];
      call("page", name ? { name: name, properties: seen } : { properties: seen });
    },
    screen: function (name, properties) { call("screen", { name: name, properties: properties || {} }); },
    group: function (group, traits) { call("group", { groupId: String(group), traits: traits || {} }); },
    alias: function (user) {
      var before = store.getItem("sj_user") || anonymous();
      store.setItem("sj_user", String(user)); call("alias", { userId: String(user), previousId: before });
    },
    reset: function () { store.removeItem("sj_user"); store.removeItem("sj_anonymous"); },
    push: function (words) { api[words[0]].apply(api, words.slice(1)); },
    anonymousId: anonymous
  };
  try { queue = JSON.parse(store.getItem("sj_queue") || "[]"); } catch (_) { queue = []; }
  window.sojourn = api;
  for (var n = 0; n < early.length; n++) api.push(early[n]);
  window.addEventListener("pagehide", function () {
    if (queue.length && navigator.sendBeacon) navigator.sendBeacon(host + "/v1/batch", body(queue.slice(0, 20)));
  });
  flush();
})();
