// Makes tables sortable and the long one searchable. The page is whole without it.
(function () {
  "use strict";
  var collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

  // A cell may span several columns.
  function cellAt(row, column) {
    var cells = Array.from(row.cells);
    return cells.find(function (cell) { column -= cell.colSpan; return column < 0; });
  }

  function key(row, column) {
    var cell = cellAt(row, column);
    var value = cell.getAttribute("data-v");
    return value === null ? cell.textContent.trim() : value === "" ? null : Number(value);
  }

  function sort(table, column, ascending) {
    var body = table.tBodies[0];
    Array.from(body.rows)
      .map(function (row, place) { return { row: row, place: place, key: key(row, column) }; })
      .sort(function (a, b) {
        if (a.key === null || b.key === null) return (a.key === null) - (b.key === null) || a.place - b.place;
        var order = typeof a.key === "number" && typeof b.key === "number"
          ? a.key - b.key : collator.compare(a.key, b.key);
        return (ascending ? order : -order) || a.place - b.place;
      })
      .forEach(function (entry) { body.appendChild(entry.row); });
    Array.from(table.tHead.rows[0].cells).forEach(function (head, place) {
      if (place === column) head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
      else head.removeAttribute("aria-sort");
    });
  }

  document.querySelectorAll("table.sortable").forEach(function (table) {
    Array.from(table.tHead.rows[0].cells).forEach(function (head, column) {
      var button = document.createElement("button");
      button.type = "button";
      while (head.firstChild) button.appendChild(head.firstChild);
      head.appendChild(button);
      button.addEventListener("click", function () {
        sort(table, column, head.getAttribute("aria-sort") !== "ascending");
      });
    });
  });

  document.querySelectorAll("form.filter").forEach(function (form) {
    var input = form.querySelector("input");
    var said = form.querySelector("output");
    var rows = Array.from(document.getElementById(form.getAttribute("data-for")).tBodies[0].rows);
    form.hidden = false;
    form.addEventListener("submit", function (event) { event.preventDefault(); });
    input.addEventListener("input", function () {
      var words = input.value.toLowerCase().split(/\s+/);
      var shown = 0;
      rows.forEach(function (row) {
        var text = row.textContent.toLowerCase();
        row.hidden = !words.every(function (word) { return text.includes(word); });
        shown += row.hidden ? 0 : 1;
      });
      said.textContent = shown + " of " + rows.length + " rows";
    });
  });
})();
