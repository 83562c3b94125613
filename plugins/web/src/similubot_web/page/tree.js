// The page of the sink: the operations of one program.
import {connect, find, put, rows, show, tree} from "./live.js";

const list = find("#operations"), operations = tree(() => list, true);

function draw(changed, whole) {
  operations.draw(changed, whole);
  const page = rows.get("") ?? {};
  if (page.title) put(find("#title"), page.title);
  show(find("#nothing"), rows.size <= 1);
  show(find("#left-out"), page.left_out > 0);
  put(find("#left-out"), `${page.left_out} more are not shown.`);
  const top = [...rows.values()].filter(row => row.kind === "operation" && !rows.has(row.parent));
  const share = top.length === 1 && top[0].share != null ? `${Math.floor(top[0].share)}% ` : "";
  const title = `${share}${page.title || "Progress"}`;
  if (document.title !== title) document.title = title;
}

connect(draw);
