// Small pictures in the evidence list are fetched when they come into view, not before: each look at them is recorded.
const inView = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (!isIntersecting) continue;
    inView.unobserve(target);
    target.src = target.dataset.seen;
  }
});
const watch = (root) => root.querySelectorAll("img[data-seen]:not([src])").forEach((image) => inView.observe(image));

document.addEventListener("htmx:load", (event) => watch(event.detail.elt));
watch(document);
