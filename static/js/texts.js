// Translations of the texts that scripts show, from the page (core/script_texts.py lists them); English has none.
const translations = JSON.parse(document.getElementById("texts")?.textContent ?? "{}");

// gettext("Up to %(number)s regions.", { number: 3 }): the whole sentence in the reader's language.
export function gettext(text, values = {}) {
  return (translations[text] ?? text).replace(/%\((\w+)\)s/g, (placeholder, name) => values[name] ?? placeholder);
}
