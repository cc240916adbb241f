"""The style of the report: light and dark, narrow and wide, on paper too."""

STYLE = """
:root { color-scheme: light dark;
  --back: #ffffff; --card: #f6f8fa; --line: #d1d9e0; --text: #1f2328; --dim: #59636e;
  --was: #b6c2cf; --was-edge: #6e7f91; --is: #1f6feb; --ok: #1a7f37;
  --warning: #9a6700; --critical: #cf222e; --info: #0969da; --mark: #fff8e6; }
@media (prefers-color-scheme: dark) { :root {
  --back: #0d1117; --card: #161b22; --line: #30363d; --text: #e6edf3; --dim: #9198a1;
  --was: #3d4a59; --was-edge: #8296ab; --is: #58a6ff; --ok: #56d364;
  --warning: #e3b341; --critical: #ff7b72; --info: #79c0ff; --mark: #2b2410; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--text);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
main { max-width: 1160px; margin: 0 auto; padding: 24px 20px 64px; }
h1 { font-size: 24px; line-height: 1.25; margin: 0 0 4px; overflow-wrap: anywhere; }
section { display: grid; gap: 14px; margin-top: 36px; grid-template-columns: minmax(0, 1fr); }
h2 { font-size: 17px; margin: 0 0 -4px; }
p { margin: 0; }
footer p { margin-bottom: 8px; }
a { color: var(--info); }
.dim { color: var(--dim); }
.verdict { font-size: 17px; font-weight: 600; margin: 0 0 16px; }
.verdict.ok { color: var(--ok); } .verdict.warning { color: var(--warning); }
.verdict.critical { color: var(--critical); } .verdict.info { color: var(--info); }
.facts { display: flex; flex-wrap: wrap; gap: 8px; margin: 0; }
.facts div { background: var(--card); border: 1px solid var(--line); border-radius: 8px;
  padding: 8px 14px; }
.facts dt { font-size: 12px; color: var(--dim); }
.facts dd { margin: 0; font-weight: 600; font-variant-numeric: tabular-nums; }
.alarms { list-style: none; margin: 0; padding: 0; display: grid; gap: 8px; }
.alarms li { border: 1px solid var(--line); border-left: 4px solid var(--c); border-radius: 6px;
  background: var(--card); padding: 10px 14px; break-inside: avoid; }
.alarms p { margin: 2px 0 0; overflow-wrap: anywhere; }
.info { --c: var(--info); } .warning { --c: var(--warning); } .critical { --c: var(--critical); }
.badge { color: var(--c); border: 1px solid var(--c); border-radius: 10px; padding: 0 8px;
  font-size: 12px; font-weight: 600; margin-right: 6px; white-space: nowrap; }
.notes { margin: 0; padding-left: 20px; color: var(--dim); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 13px; }
caption { text-align: left; color: var(--dim); padding: 0 0 6px; }
th, td { text-align: left; padding: 5px 10px 5px 6px; border-bottom: 1px solid var(--line);
  vertical-align: middle; }
thead th { color: var(--dim); font-weight: 600; white-space: nowrap; }
tbody th { font-weight: 600; overflow-wrap: anywhere; min-width: 110px; }
td { font-variant-numeric: tabular-nums; white-space: nowrap; }
td.wrong { font-weight: 700; color: var(--critical); }
tr.found { background: var(--mark); }
svg.gauge { display: inline-block; vertical-align: middle; width: 72px; height: 10px;
  margin-left: 8px; }
.rail { fill: var(--line); } .near { fill: var(--ok); } .far { fill: var(--critical); }
.maybe { fill: var(--warning); }
.bound { stroke: var(--text); stroke-width: 1.5; }
.key { display: inline-block; width: 14px; height: 12px; vertical-align: -1px; margin-right: 4px; }
.key.was { background: var(--was); border: 1px solid var(--was-edge); }
.key.is { background: var(--is); margin-left: 14px; }
.charts { display: grid; gap: 12px; grid-template-columns: repeat(auto-fill, minmax(290px, 1fr)); }
figure { margin: 0; padding: 10px 12px 4px; border: 1px solid var(--line); border-radius: 8px;
  break-inside: avoid; }
figure.found { border-color: var(--critical); }
figcaption { font-size: 13px; display: flex; flex-wrap: wrap; justify-content: space-between;
  gap: 0 8px; margin-bottom: 4px; }
figcaption b { overflow-wrap: anywhere; }
figure svg { display: block; width: 100%; height: auto; }
svg text { font: 12px system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
  fill: var(--text); }
svg text.tick { fill: var(--dim); font-size: 11px; }
svg .was { fill: var(--was); stroke: var(--was-edge); stroke-width: 1; }
svg .is { fill: var(--is); opacity: .82; }
.grid { stroke: var(--line); stroke-width: 1; } .axis { stroke: var(--dim); stroke-width: 1; }
footer { margin-top: 40px; font-size: 13px; color: var(--dim); }
@media (max-width: 600px) {
  main { padding: 16px 12px 48px; }
  .wide svg { min-width: 640px; }
  svg.gauge { display: none; }
}
@media print {
  :root { color-scheme: light; --back: #fff; --card: #fff; --text: #000; --dim: #444;
    --line: #bbb; --is: #1f6feb; --was: #ccd5de; --mark: #fff; }
  body { font-size: 11px; -webkit-print-color-adjust: exact; print-color-adjust: exact; }
  main { max-width: none; padding: 0; }
  .scroll { overflow: visible; } tr { break-inside: avoid; } h2 { break-after: avoid; }
  a::after { content: " (" attr(href) ")"; color: var(--dim); font-size: 10px; }
}
"""
