// Built from frontend/events; sources 11b89b1e009637c1ff902892c034c1f00de77d82db043f70c4ec543ddfb19ffb; licences in LICENSES.txt.
function C(e,t){return()=>{e.host.isConnected||t()}}var S=window.ionfluxLive??=new Map;function R(e,t,r){let o=S.get(e)??{socket:null,followers:new Map,wait:500,broken:!1,timer:0};return S.set(e,o),o.followers.set(r,t),!o.socket&&!o.timer&&B(e,o),()=>{o.followers.delete(r),!o.followers.size&&(clearTimeout(o.timer),S.delete(e),o.socket?.close())}}function B(e,t){t.timer=0;let r=new URL("live",E());r.protocol=r.protocol==="https:"?"wss:":"ws:",r.searchParams.set("workspace",e);let o=new WebSocket(r.href);t.socket=o,o.onopen=()=>{if(t.wait=500,t.broken)for(let[n,a]of t.followers)n(a);t.broken=!1},o.onmessage=n=>_(t,n.data),o.onclose=()=>{t.socket=null,t.followers.size&&(t.broken=!0,t.timer=window.setTimeout(()=>B(e,t),t.wait),t.wait=Math.min(t.wait*2,15e3))}}function _(e,t){let r;try{r=JSON.parse(String(t)).topics}catch{return}for(let[o,n]of e.followers){let a=r.filter(s=>n.some(l=>l===s||l.endsWith("*")&&s.startsWith(l.slice(0,-1))));a.length&&o(a)}}function E(){return new URL(".",location.href).href}function i(e,t={},r=[]){let o=document.createElement(e);for(let[n,a]of Object.entries(t))typeof a=="function"?o.addEventListener(n.replace(/^on/,""),a):n==="text"?o.textContent=String(a??""):a!=null&&a!==!1&&o.setAttribute(n,a===!0?"":String(a));return o.append(...r.filter(n=>!!n)),o}function f(e){return i("span",{class:"icon","aria-hidden":"true",text:e.replace(/[^a-z0-9_]/g,"")})}var q=new Set(["gray","blue","orange","green","red","violet"]);function h({tone:e,icon:t,text:r}){return i("span",{class:`badge ${b(e)}`},[t?f(t):null,document.createTextNode(r)])}function b(e){return q.has(e)?e:"gray"}function g(e,t){let r=new URL(e.replace(/[^a-z_]/g,""),E());for(let[o,n]of Object.entries(t))r.searchParams.set(o,n);return r.href}function v(e){return e.ctrlKey||e.metaKey||e.shiftKey||e.button!==0}function w(e){return e.split(/(?<=[._])/).flatMap((t,r)=>r?[document.createElement("wbr"),document.createTextNode(t)]:[document.createTextNode(t)])}var p=216,M=36,N=8,y=36,k=2,d=10,z=14,P=62,K="http://www.w3.org/2000/svg";function A(e,t,r){let n=e.getRootNode().activeElement?.getAttribute("data-box"),a=e.querySelector(".picture")?.scrollLeft??0,s=e.querySelector("details")?.open??!1,l=i("div",{class:"picture",role:"group","aria-label":t.label},[F(t,r)]),c=i("details",{open:s},[i("summary",{text:"The same as a list"}),H(t,r)]),m=i("div",{class:"cards"},[H(t,r)]);e.replaceChildren(l,c,m);for(let T of l.querySelectorAll("text[data-room]"))X(T);l.scrollLeft=a,n&&l.querySelector(`[data-box="${CSS.escape(n)}"]`)?.focus()}function F(e,t){let r=Math.max(0,...e.boxes.map(c=>c.column))+1,o=Math.max(1,...e.boxes.map(c=>c.row+c.size)),n=r*(p+y)-y+2*k,a=o*M-N+2*k,s=new Map(e.boxes.map(c=>[c.id,c])),l=e.boxes.flatMap(c=>{let m=c.cause?s.get(c.cause):void 0;return m?[U(m,c)]:[]});return u("svg",{width:n,height:a,viewBox:`0 0 ${n} ${a}`},[...l,...e.boxes.map(c=>Q(c,t))])}function L(e){return{x:k+e.column*(p+y),y:k+e.row*M,high:e.size*M-N}}function U(e,t){let r=L(e),o=L(t),n=r.x+p,a=r.y+z,s=o.y+z,l=n+y/2,c=Math.min(8,Math.abs(s-a)/2),m=Math.sign(s-a),T=m?`M${n} ${a}H${l-c}Q${l} ${a} ${l} ${a+m*c}V${s-m*c}Q${l} ${s} ${l+c} ${s}H${o.x}`:`M${n} ${a}H${o.x}`;return u("path",{class:"line",d:T})}function Q(e,t){let{x:r,y:o,high:n}=L(e),a=e.status,s=[u("title",{text:[e.title,a?.text,e.detail,e.exact].filter(Boolean).join(`
`)}),u("rect",{x:r,y:o,width:p,height:n,rx:8}),...e.size>1?Y(e,r,o):J(e,r,o)],l=`box ${e.kind}${e.here?" here":""}${a?` is-${b(a.tone)}`:""}`;if(!e.page)return u("g",{class:l},s);let c=u("a",{class:l,href:g(e.page,e.parameters),"aria-label":Z(e),"data-box":e.id},s);return c.addEventListener("click",m=>G(m,e,t)),c}function J(e,t,r){let o=e.status?`${b(e.status.tone)}-text`:"",n=e.kind==="event";return[$(n?e.icon:e.status?.icon??e.icon,t+d,r+17,n?"kind":`small ${o}`),x(e.short,t+d+20,r+18,p-2*d-20-P,"quiet"),u("text",{x:t+p-d,y:r+18,class:"small time",text:e.time})]}function Y(e,t,r){let o=e.status,n=o?`${b(o.tone)}-text`:"",a=[o?.text,e.detail].filter(Boolean).join(" · "),s=o?18:0;return[$(e.icon,t+d,r+17,"kind"),x(e.word,t+d+20,r+17,90,"small"),u("text",{x:t+p-d,y:r+17,class:"small time",text:e.time}),x(e.short,t+d,r+35,p-2*d,"title"),...o?[$(o.icon,t+d,r+53,`small ${n}`)]:[],x(a,t+d+s,r+53,p-2*d-s,`small ${n}`)]}function $(e,t,r,o){return u("text",{x:t,y:r+2,class:`icon ${o}`,"aria-hidden":"true",text:e.replace(/[^a-z0-9_]/g,"")})}function x(e,t,r,o,n){return u("text",{x:t,y:r,class:n,"data-room":o,text:e})}function X(e){let t=Number(e.dataset.room),r=e.textContent??"";if(e.getComputedTextLength()<=t)return;let o=0,n=r.length;for(;o<n;){let a=o+n+1>>1;e.textContent=`${r.slice(0,a)}…`,e.getComputedTextLength()<=t?o=a:n=a-1}e.textContent=`${r.slice(0,o).trimEnd()}…`}function Z(e){return[e.word,e.title,e.status?.text,e.detail,e.time].filter(Boolean).join(", ")}function H(e,t){return i("ol",{"aria-label":e.label},e.boxes.map(r=>{let o=r.page?i("a",{href:g(r.page,r.parameters),text:r.title}):i("span",{text:r.title});o.addEventListener("click",a=>r.page&&G(a,r,t));let n=i("li",{class:r.here?"here":null},[f(r.icon),i("small",{text:r.word}),o,r.status?h(r.status):null,i("small",{text:[r.detail,r.time].filter(Boolean).join(" · "),title:r.exact})]);return n.style.paddingInlineStart=`${Math.min(r.column,8)}rem`,n}))}function G(e,t,r){v(e)||(e.preventDefault(),r("going",{page:t.page,parameters:t.parameters}))}function u(e,{text:t,...r},o=[]){let n=document.createElementNS(K,e);for(let[a,s]of Object.entries(r))n.setAttribute(a,String(s));return t!==void 0&&(n.textContent=String(t)),n.append(...o),n}var ee=["Published by","Subject","Heard by"];function O(e,t,r){let o=i("thead",{},[i("tr",{},ee.map(a=>i("th",{scope:"col",text:a})))]),n=t.lines.map(a=>i("tr",{},[i("td",{class:"from"},j(a.from,"Nobody lately",r)),i("td",{class:"subject"},[V(i("a",{href:g("events",{type:a.type})},w(a.type)),{page:"events",parameters:{type:a.type}},r),i("small",{text:a.told}),...a.badges.map(h)]),i("td",{class:"to"},j(a.to,"Nobody",r))]));e.replaceChildren(i("table",{class:"map","aria-label":t.label},[o,i("tbody",{},n)]))}function j(e,t,r){return e.length?e.map(o=>{let n=[f(o.icon),i("span",{text:o.text}),o.note?i("small",{text:o.note}):null],a=o.asleep?"party asleep":"party";if(!o.page)return i("span",{class:a},n);let s=i("a",{class:a,href:g(o.page,o.parameters??{})},n);return V(s,{page:o.page,parameters:o.parameters??{}},r)}):[i("span",{class:"none",text:t})]}function V(e,t,r){return e.addEventListener("click",o=>{v(o)||(o.preventDefault(),r("going",t))}),e}var te=["Event","What it says","From","Heard","When"];function W(e,t,r){if(!t.rows.length)return e.replaceChildren();let o=new Set([...e.querySelectorAll("tr[data-event]")].map(l=>l.dataset.event)),n=e.getRootNode().activeElement?.getAttribute("data-event"),a=i("thead",{},[i("tr",{},te.map(l=>i("th",{scope:"col",text:l})))]),s=t.rows.map(l=>re(l,o.size>0&&!o.has(l.id),r));e.replaceChildren(i("table",{class:"stream","aria-label":t.label},[a,i("tbody",{},s)])),n&&e.querySelector(`a[data-event="${CSS.escape(n)}"]`)?.focus()}function re(e,t,r){let o=i("a",{href:g("events",{event:e.id}),title:e.type,"data-event":e.id},w(e.type)),n=i("tr",{class:t?"fresh":null,"data-event":e.id},[i("td",{class:"type"},[o]),i("td",{class:"glimpse",title:e.glimpse},[i("span",{text:e.glimpse})]),i("td",{class:"source",text:e.source,title:e.source}),i("td",{class:"heard"},e.badges.map(h)),i("td",{class:"when",text:e.at,title:e.exact})]);return n.addEventListener("click",a=>{v(a)||String(getSelection())||(a.preventDefault(),r("opened",e.id))}),n}var I=`:host { display: block; container-type: inline-size; }
.place { font: 0.9rem/1.4 var(--st-font); color: var(--st-text-color); }
table { width: 100%; border-collapse: collapse; table-layout: fixed; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 600; font-size: 0.8rem; color: var(--st-gray-text-color); }
th, td { padding: 0.5rem 0.4rem; border-bottom: 1px solid var(--st-border-color); overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
a { color: inherit; text-decoration: none; }
a:hover { text-decoration: underline; }
a:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: 2px; border-radius: 2px; }
small { font-size: 0.8rem; color: var(--st-gray-text-color); }
.icon { font-family: "Material Symbols Rounded"; font-weight: 400; font-size: 1rem; line-height: 1; }
.badge { display: inline-flex; align-items: center; gap: 0.25rem; padding: 0.05rem 0.45rem; border-radius: 0.5rem; font-size: 0.82rem; line-height: 1.3; margin-right: 0.25rem; }
.gray { color: var(--st-gray-text-color); background: var(--st-gray-background-color); }
.blue { color: var(--st-blue-text-color); background: var(--st-blue-background-color); }
.orange { color: var(--st-orange-text-color); background: var(--st-orange-background-color); }
.green { color: var(--st-green-text-color); background: var(--st-green-background-color); }
.red { color: var(--st-red-text-color); background: var(--st-red-background-color); }
.violet { color: var(--st-violet-text-color); background: var(--st-violet-background-color); }

.stream tbody tr { cursor: pointer; }
.stream tbody tr:hover, .stream tbody tr:focus-within { background: var(--st-secondary-background-color); }
.stream th:nth-child(1) { width: 34%; } .stream th:nth-child(3) { width: 15%; } .stream th:nth-child(4) { width: 7.5rem; } .stream th:nth-child(5) { width: 6rem; }
.stream .type { white-space: normal; }
.stream .type a { font-weight: 600; }
.stream .glimpse { white-space: normal; }
.stream .glimpse, .stream .source, .stream .when { font-size: 0.85rem; }
.stream .glimpse span { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; overflow: hidden; overflow-wrap: anywhere; line-height: 1.3; color: var(--st-gray-text-color); font-family: var(--st-code-font); font-size: 0.78rem; }
.stream .fresh { animation: came 2.5s ease-out; }
@keyframes came { from { background: var(--st-blue-background-color); } }
@media (prefers-reduced-motion: reduce) { .stream .fresh { animation: none; } }

.map td { white-space: normal; vertical-align: top; overflow-wrap: break-word; }
.map th:nth-child(2) { width: 38%; }
.map .subject a { font-weight: 600; display: block; }
.map .subject small { margin-right: 0.5rem; }
.map .from, .map .to { font-size: 0.85rem; }
.map .subject { position: relative; border-inline: 1px solid var(--st-border-color); padding-inline: 0.9rem; }
.map .to, .map .from { padding-inline: 0.7rem; }
.party { display: grid; grid-template-columns: auto 1fr; align-items: center; column-gap: 0.35rem; padding: 0.1rem 0; }
.party .icon { color: var(--st-gray-text-color); }
.party small { grid-column: 2; line-height: 1.2; overflow-wrap: anywhere; }
.party.asleep span:not(.icon) { text-decoration: line-through; color: var(--st-gray-text-color); }
.none { color: var(--st-gray-text-color); font-style: italic; }

.picture { overflow-x: auto; overflow-y: hidden; padding: 0.25rem 0 0.75rem; }
svg { display: block; font-family: var(--st-font); font-variant-numeric: tabular-nums; }
svg text { fill: var(--st-text-color); font-size: 13px; }
svg .title { font-weight: 600; }
svg .quiet { font-size: 12.5px; }
svg .small { font-size: 11.5px; fill: var(--st-gray-text-color); }
svg .time { text-anchor: end; }
svg .icon { font-size: 15px; }
svg .icon.small { font-size: 14px; }
svg .icon.kind { fill: var(--st-primary-color); }
svg .green-text { fill: var(--st-green-text-color); } svg .red-text { fill: var(--st-red-text-color); }
svg .orange-text { fill: var(--st-orange-text-color); } svg .blue-text { fill: var(--st-blue-text-color); }
.box rect { fill: var(--st-background-color); stroke: var(--st-border-color); stroke-width: 1; }
.box.event rect, .box.webhook rect { fill: var(--st-secondary-background-color); }
.box.is-red rect { stroke: var(--st-red-text-color); }
.box.here rect { stroke: var(--st-primary-color); stroke-width: 2; }
.box.more rect { stroke-dasharray: 4 3; }
a.box { cursor: pointer; text-decoration: none; outline: none; }
a.box:hover rect { stroke: var(--st-primary-color); }
a.box:focus-visible rect { stroke: var(--st-primary-color); stroke-width: 3; }
.line { fill: none; stroke: var(--st-gray-text-color); stroke-width: 1.25; opacity: 0.55; }
details { font-size: 0.85rem; }
summary { cursor: pointer; color: var(--st-gray-text-color); padding: 0.25rem 0; }
ol { list-style: none; margin: 0.25rem 0; padding: 0; }
li { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0.1rem 0.4rem; padding: 0.2rem 0; }
li .icon { align-self: center; color: var(--st-gray-text-color); }
li a { font-weight: 600; overflow-wrap: anywhere; }
li.here a { color: var(--st-primary-color); }
.cards { display: none; }

@container (max-width: 44rem) {
  .stream thead, .map thead { position: absolute; width: 1px; overflow: hidden; clip-path: inset(50%); }
  table, tbody { display: block; }
  tbody tr { display: flex; flex-wrap: wrap; gap: 0.15rem 0.6rem; padding: 0.6rem 0.1rem; border-bottom: 1px solid var(--st-border-color); }
  td { padding: 0; border: 0; }
  .stream .type, .stream .glimpse { flex: 1 1 100%; }
  .stream .type { white-space: normal; overflow-wrap: anywhere; }
  .stream .source, .stream .when { color: var(--st-gray-text-color); }
  .map .subject { order: -1; flex: 1 1 100%; border: 0; padding: 0; } .map .from, .map .to { flex: 1 1 45%; padding: 0; }
  .map .from::before { content: "From"; } .map .to::before { content: "To"; }
  .map .from::before, .map .to::before { display: block; font-size: 0.75rem; color: var(--st-gray-text-color); }
  .picture, details { display: none; }
  .cards { display: block; }
  .cards li { padding-inline-start: 0 !important; border-bottom: 1px solid var(--st-border-color); padding-block: 0.4rem; }
}
`;var ne=700,ae=["events","runs"],D=new WeakMap;function ie({data:e,parentElement:t,setTriggerValue:r}){let o=D.get(t)??se(t);o.tell=r,le(o,e);let n=t.querySelector(".place");return n&&ce(n,e,(a,s)=>o.tell(a,s)),C(t,()=>{D.delete(t)&&o.leave()})}function se(e){let t={followed:"",leave:()=>{},tell:()=>{},timer:0};return D.set(e,t),e.append(i("style",{text:I}),i("div",{class:"place"})),t}function le(e,t){let r=t.follow?t.workspace:"";if(e.followed===r||(e.leave(),e.followed=r,e.leave=()=>{},!r))return;let o=R(r,ae,()=>{e.timer||(e.timer=window.setTimeout(()=>{e.timer=0,e.tell("changed",Date.now())},ne))});e.leave=()=>{clearTimeout(e.timer),e.timer=0,o()}}function ce(e,t,r){t.view==="stream"?W(e,t,r):t.view==="chain"?A(e,t,r):O(e,t,r)}export{ie as default};
