// The slider of a comparison: figures and the dot on the curve follow it. All texts are the server's, in the rows of
// the table of points, which is there without this script, too. Listening on the document: the page of a running
// comparison is replaced once it has ended.
const rowAt = (place, shift) => [...place.querySelectorAll("tr[data-point]")].find((row) => Math.abs(Number(row.dataset.point) - shift) < 0.05);

function show(slider) {
  const place = slider.closest("[data-operating-points]");
  const row = rowAt(place, Number(slider.value));
  if (!row) return;
  for (const cell of place.querySelectorAll("[data-point-figure]")) cell.textContent = row.getAttribute(`data-text-${cell.dataset.pointFigure}`) ?? "";
  place.querySelector("[data-point-name]").textContent = row.querySelector("a").textContent.trim();
  place.querySelector("[data-point-gate]").textContent = row.querySelector("[data-gate]").textContent.trim();
  const dot = place.querySelector("[data-point-dot]");
  dot.setAttribute("cx", row.dataset.x);
  dot.setAttribute("cy", row.dataset.y);
  slider.setAttribute("aria-valuetext", row.dataset.spoken);
  place.querySelector("[data-point-apart]").hidden = row.classList.contains("chosen");
  for (const other of place.querySelectorAll("tr.shown")) other.classList.remove("shown");
  row.classList.add("shown");
  const table = place.querySelector(".point-table");
  table.scrollTop = row.offsetTop - table.clientHeight / 2;
}

document.addEventListener("input", (event) => {
  if (event.target.id === "point-shift") show(event.target);
});
const slider = document.getElementById("point-shift");
if (slider) show(slider);
