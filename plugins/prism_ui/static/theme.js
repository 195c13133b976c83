// Before the first paint: the reader's own choice, else the one made in the Airflow UI.
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
})();
