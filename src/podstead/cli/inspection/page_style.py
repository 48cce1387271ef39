"""How the page looks, on a screen by day and by night and on paper, and the few lines that copy a command."""

STYLE = """
:root { color-scheme: light dark;
  --paper: #fbfaf8; --card: #ffffff; --ink: #1d2126; --soft: #5b6470; --line: #e3e0da; --code: #f3f1ec; --link: #1f5fa8;
  --critical: #a3123a; --high: #c2410c; --medium: #9a6700; --low: #2f6f9f; --info: #66707c; --good: #217a44; }
@media (prefers-color-scheme: dark) { :root {
  --paper: #14171a; --card: #1c2024; --ink: #e6e4df; --soft: #9aa3ad; --line: #31373d; --code: #252a2f; --link: #86b8ee;
  --critical: #ff7a99; --high: #ff9d66; --medium: #e3b341; --low: #79b8e0; --info: #9aa3ad; --good: #6bc98c; } }
* { box-sizing: border-box; }
html { scroll-behavior: smooth; }
body { margin: 0 auto; max-width: 68rem; padding: 2.5rem 1.5rem 4rem; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, "Segoe UI", "Noto Sans", "DejaVu Sans", sans-serif; }
h1 { margin: 0; font-size: 1.75rem; font-weight: 650; letter-spacing: -.01em; }
h2 { margin: 2.75rem 0 .75rem; font-size: 1.2rem; font-weight: 650; }
h2 code { font-size: .95em; font-weight: 500; }
h3 { margin: 0; font: 600 .95rem/1.5 ui-monospace, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
p { margin: .35rem 0; }
a { color: var(--link); text-decoration: none; }
a:hover { text-decoration: underline; }
.soft { color: var(--soft); }
.small { font-size: .875rem; }
.verdict { margin: 1.25rem 0 1rem; font-size: 1.1rem; }
.tiles { display: grid; grid-template-columns: repeat(5, 1fr); gap: .75rem; }
.tile { padding: .8rem 1rem .7rem; background: var(--card); border: 1px solid var(--line); border-radius: .6rem; overflow: hidden; }
.tile b { display: block; font-size: 1.9rem; font-weight: 600; line-height: 1.1; font-variant-numeric: tabular-nums; }
.tile.none b { color: var(--soft); font-weight: 400; }
.critical { --hue: var(--critical); } .high { --hue: var(--high); } .medium { --hue: var(--medium); }
.low { --hue: var(--low); } .info { --hue: var(--info); } .good { --hue: var(--good); }
.tile:not(.none) { box-shadow: inset 0 3px 0 var(--hue); } .tile:not(.none) b { color: var(--hue); }
.mark { display: inline-block; min-width: 4.6rem; padding: .05rem .55rem; border: 1px solid var(--hue); border-radius: 1rem;
  color: var(--hue); font-size: .75rem; font-weight: 600; text-align: center; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1.25rem; margin: 1.25rem 0 0; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
.wide { overflow-x: auto; border: 1px solid var(--line); border-radius: .6rem; background: var(--card); }
table { width: 100%; border-collapse: collapse; font-size: .875rem; }
th { color: var(--soft); font-weight: 500; text-align: left; white-space: nowrap; }
th, td { padding: .5rem .85rem; border-bottom: 1px solid var(--line); vertical-align: top; }
tr:last-child td { border-bottom: 0; }
td { overflow-wrap: anywhere; } td.fixed { white-space: nowrap; }
code { font: .85em/1.5 ui-monospace, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
.group { margin: 0 0 1rem; background: var(--card); border: 1px solid var(--line); border-radius: .6rem; overflow: hidden; }
.group > header { display: flex; gap: .75rem; align-items: baseline; padding: .75rem 1.1rem; border-bottom: 1px solid var(--line);
  background: var(--code); }
.finding { display: grid; grid-template-columns: 5.4rem 1fr; gap: .2rem 1rem; padding: .9rem 1.1rem; border-bottom: 1px solid var(--line); }
.finding:last-child { border-bottom: 0; }
.finding > div { min-width: 0; }
.finding b { font-weight: 600; } .finding p { overflow-wrap: anywhere; }
.edit { padding-left: .8rem; border-left: 3px solid var(--line); }
.mend { display: flex; gap: .6rem; align-items: flex-start; margin: .5rem 0 .25rem; padding: .45rem .45rem .45rem .8rem;
  background: var(--code); border-radius: .4rem; }
.mend code { flex: 1; user-select: all; padding-top: .1rem; }
.mend button { flex: none; padding: .15rem .6rem; border: 1px solid var(--line); border-radius: .35rem; background: var(--card);
  color: var(--soft); font: inherit; font-size: .75rem; cursor: pointer; }
.mend button:hover { color: var(--ink); border-color: var(--soft); }
footer { margin-top: 3rem; padding-top: 1rem; border-top: 1px solid var(--line); }
@media (max-width: 44rem) { body { padding: 1.5rem 1rem 3rem; } .tiles { gap: .4rem; } .tile { padding: .5rem .6rem; }
  .tile b { font-size: 1.4rem; } table { min-width: 44rem; } td code { white-space: nowrap; }
  .finding { grid-template-columns: 1fr; } dl { grid-template-columns: 1fr; } dt { margin-top: .4rem; } }
@media print { :root { color-scheme: light; --paper: #fff; --card: #fff; --ink: #000; --soft: #444; --line: #bbb; --code: #f4f4f4;
  --link: #000; --critical: #8a0f31; --high: #9a3409; --medium: #6f4b00; --low: #24557a; --info: #444; --good: #175c32; }
  body { max-width: none; padding: 0; font-size: 10pt; } .mend button { display: none; } .finding, .tile, tr { break-inside: avoid; }
  .group > header, h2 { break-after: avoid; } .group, .wide { border-radius: 0; overflow: visible; } @page { margin: 16mm; } }
"""

SCRIPT = """
document.addEventListener("click", async (event) => {
  const button = event.target.closest(".mend button");
  if (!button) return;
  const code = button.previousElementSibling;
  try { await navigator.clipboard.writeText(code.textContent); }
  catch { const range = document.createRange(); range.selectNodeContents(code);
    getSelection().removeAllRanges(); getSelection().addRange(range); document.execCommand("copy"); }
  button.textContent = "copied";
  setTimeout(() => { button.textContent = "copy"; }, 1500);
});
"""
