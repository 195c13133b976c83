// Copies a hash in full to the clipboard; the button appears where the browser allows it.
(function () {
  "use strict";
  if (!navigator.clipboard) {
    return;
  }
  document.querySelectorAll("button[data-copy]").forEach(function (button) {
    var words = button.textContent;
    button.hidden = false;
    button.addEventListener("click", function () {
      navigator.clipboard.writeText(button.dataset.copy).then(function () {
        button.textContent = button.dataset.done;
        setTimeout(function () { button.textContent = words; }, 1500);
      }, function () {
        // Refused by the browser: the whole hash stands in the title.
      });
    });
  });
})();
