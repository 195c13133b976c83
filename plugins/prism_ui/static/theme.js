// Before the first paint: the reader's own choice, else the one made in the Airflow UI. And for
// whoever draws: what a colour of the style sheet is under the theme in force.
(function () {
  "use strict";
  var choice = null;
  try {
    choice = localStorage.getItem("prism-theme") || localStorage.getItem("theme");
  } catch (error) {
    choice = null; // storage is switched off: the system's choice holds
  }
  if (choice === "light" || choice === "dark") {
    document.documentElement.dataset.theme = choice;
  }

  var probe = null;
  window.prismColour = function (name) {
    if (!probe) {
      probe = document.body.appendChild(document.createElement("span"));
      probe.hidden = true;
    }
    probe.style.color = "var(--" + name + ")";
    return getComputedStyle(probe).color;
  };
})();
