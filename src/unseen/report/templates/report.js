// Filters and orders the cards. Without this script the page shows everything, least certain first.
"use strict";
{
  const at = (id) => document.getElementById(id);
  const list = at("cards");
  const form = at("controls");
  if (list && form) {
    const fold = (text) => text.normalize("NFKC").toLowerCase();
    const cards = Array.from(list.children, (node) => ({
      node,
      order: Number(node.dataset.order),
      certainty: Number(node.dataset.certainty),
      likeliest: node.dataset.class,
      unknown: node.classList.contains("unknown"),
      name: node.querySelector(".item").title,
      text: fold(node.querySelector(".item").title + " " + (node.querySelector(".quote")?.textContent ?? "")),
    }));
    const byName = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
    const orders = {
      least: (a, b) => a.order - b.order,
      // Not least reversed: unknown items have no certainty to be high.
      most: (a, b) => a.unknown - b.unknown || b.certainty - a.certainty || a.order - b.order,
      name: (a, b) => byName.compare(a.name, b.name) || a.order - b.order,
    };

    const filter = () => {
      const words = fold(at("search").value).split(/\s+/).filter(Boolean);
      const chosen = at("class").value;
      const only = at("unknown").checked;
      let shown = 0;
      for (const card of cards) {
        const fits =
          (!chosen || card.likeliest === chosen) &&
          (!only || card.unknown) &&
          words.every((word) => card.text.includes(word));
        card.node.hidden = !fits;
        shown += fits;
      }
      const filtered = shown < cards.length;
      at("count").textContent = filtered
        ? `${shown.toLocaleString("en")} of ${cards.length.toLocaleString("en")} shown`
        : "";
      at("nothing").hidden = shown > 0;
    };
    const sort = () => {
      cards.sort(orders[at("order").value]);
      list.append(...cards.map((card) => card.node));
    };

    at("search").addEventListener("input", filter);
    at("class").addEventListener("change", filter);
    at("unknown").addEventListener("change", filter);
    at("order").addEventListener("change", sort);
    at("reset").addEventListener("click", () => {
      form.reset();
      sort();
      filter();
      at("search").focus();
    });
    form.addEventListener("submit", (event) => event.preventDefault());
    // Browsers restore what was chosen before a reload.
    addEventListener("pageshow", () => {
      sort();
      filter();
    });
    form.hidden = false;
  }
}
