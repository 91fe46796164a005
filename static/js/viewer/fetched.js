// Pictures of the next item's views, fetched while another item is judged: address -> element, until it is taken.
// Nothing is stored by the browser; what the next item does not use is dropped.
let fetched = new Map();

// Those that the reviewer has open now, by the name of their pane.
export function fetchViews(views, { panes, quality }) {
  const [wanted, pictures] = [new Map(), {}];
  for (const { name, source, qualities } of views) {
    if (!panes.includes(name)) continue;
    const address = qualities.map(String).includes(quality) ? source.replace(/ela-\d+/, `ela-${quality}`) : source;
    pictures[name] = fetched.get(address) ?? Object.assign(new Image(), { fetchPriority: "low", src: address });
    wanted.set(address, pictures[name]);
  }
  fetched = wanted;
  return pictures;
}

export const isThere = (picture) => Boolean(picture?.complete && picture.naturalWidth);

export function take(address) {
  const picture = fetched.get(address);
  fetched.delete(address);
  return picture?.complete && !picture.naturalWidth ? null : picture; // what failed is asked for again
}
