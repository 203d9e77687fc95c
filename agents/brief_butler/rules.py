"""The rules of the grammar: what the words of a clause may mean, in English and Portuguese side by side.

All of them look at folded text: small letters, no accents. Every repetition is bounded or ends at a word.
"""

from __future__ import annotations

import re

from .verbs import DOING, FIRST, FIRST_ALONE, INFINITIVES, POLITE, THIRD, any_of


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns))


LEAD = (
    r"^(?:(?:ok(?:ay)?|yes|yep|sure|great|good|fine|perfect|right|all right|well|and|so|then|also|thanks|cool|now|"
    r"entao|"
    r"certo|beleza|combinado|fechado|otimo|isso|bom|boa|sim|claro|e|perfeito|maravilha|obrigad[oa]|valeu)[,.!: ]+){0,4}"
)
_DO, _INF, _ONE, _THREE, _ASKED = any_of(DOING), any_of(INFINITIVES), any_of(FIRST), any_of(THIRD), any_of(POLITE)
_ALONE = any_of(FIRST_ALONE)

JOKE = _any(
    r"[😂🤣😜😝🙃]", r"\b(?:lol|lmao|rofl|(?:ha){2,}h?|(?:he){2,}|k{3,}|(?:rs){1,6}|jk|just kidding|kidding|"
        r"brincadeira|zoeira)\b",
)  # fmt: skip
SERIOUS = _any(r"\bbrincadeiras? a parte\b", r"\b(?:jokes|kidding) aside\b", r"\bfalando serio\b", r"\bserio agora\b")
SUPPOSED = _any(
    r"^(?:\w+ )?(?:what if|imagine|suppose|supposing|if|unless|in case|e se|imagin[ae]|suponha|supondo|se|caso)\b",
    r"\b(?:would|could have|should have|might|maybe|perhaps|probably|i wish|hypothetically|some day|one day)\b",
    r"\b(?:talvez|quem sabe|quem dera|seria|gostaria|poderiamos|deveriamos|hipotese|um dia)\b", r"\bi'd\b",
    r"\bse (?:a gente|eu|nos)\b",
)  # fmt: skip
OF_OTHERS = _any(
    r"\b(?:they|he|she|it|the (?:board|client|customer|council|government|old team|vendor|competitor|court)|eles?|"
    r"elas?|"
    r"[oa] (?:cliente|diretoria|conselho|governo|prefeitura|concorrente|fornecedor)) (?:\w+ ){0,2}"
    r"(?:decided|agreed|chose|approved|resolved|decidi\w+|aprovou|aprovaram|combin\w+|resolveu|escolheu)\b",
    r"\b(?:last|previous) (?:year|month|quarter|spring|summer|autumn|winter)\b", r"\byears? ago\b", r"\bback then\b",
    r"\b(?:in|em) (?:19|20)\d\d\b", r"\b(?:ano|mes|semestre) passado\b", r"\banos atras\b", r"\bnaquela epoca\b",
    r"\bhad (?:decided|agreed)\b", r"\btinham? (?:decidido|combinado)\b",
)  # fmt: skip
UNDECIDED = _any(
    r"\b(?:haven't|have not|hasn't|not|never|didn't|yet to|nothing|no one|nobody|should be|to be|needs? to be)\b.{0,24}"
    r"\b(?:decided|agreed|settled|approved|final)\b", r"\bundecided\b",
    r"\b(?:nao|nada|nem|ninguem|precisa ser)\b.{0,24}\b(?:decid|combinad|combinam|definid|definim|resolv|aprovad|"
    r"fecham)",
)  # fmt: skip
DECIDING = (
    r"go(?:ing)?(?: ahead)? with|us(?:e|ing)|keep(?:ing)?|drop(?:ping)?|ship(?:ping)?|launch(?:ing)?|releas(?:e|ing)|"
    r"mov(?:e|ing)|switch(?:ing)?|adopt(?:ing)?|tak(?:e|ing)|start(?:ing)?|stop(?:ping)?|cancel(?:l?ing)?|cut(?:ting)?|"
    r"remov(?:e|ing)|merg(?:e|ing)|split(?:ting)?|allocat(?:e|ing)|assign(?:ing)?|hir(?:e|ing)|choos(?:e|ing)|"
    r"pick(?:ing)?|"
    r"stick(?:ing)? (?:with|to)|send(?:ing)?|publish(?:ing)?|run(?:ning)?|mak(?:e|ing)|set(?:ting)?|rais(?:e|ing)|"
    r"lower(?:ing)?|extend(?:ing)?|clos(?:e|ing)|open(?:ing)?|skip(?:ping)?|support(?:ing)?|migrat(?:e|ing)|"
    r"buy(?:ing)?|"
    r"sell(?:ing)?|renam(?:e|ing)|replac(?:e|ing)|offer(?:ing)?|begin(?:ning)?|invest(?:ing)?|build(?:ing)?|"
    r"focus(?:ing)?|pay(?:ing)?|hold(?:ing)?|do(?:ing)? (?:it|that|this|both)|leav(?:e|ing)|reduc(?:e|ing)|"
    r"work(?:ing)? with"
)
DECIDIR = (
    r"usar|ficar com|seguir com|seguir|adotar|lancar|manter|cortar|trocar|contratar|comecar|parar|cancelar|fechar|"
    r"abrir|"
    r"mudar|migrar|comprar|escolher|aumentar|reduzir|dividir|alocar|investir|oferecer|publicar|enviar|remover|tirar|"
    r"colocar|focar|priorizar|vender|alugar|pagar|fazer|renovar|apostar|de|com"
)
DECIDED = _any(
    r"\b(?:we|we've|team|everyone|all of us)\b[^,;:]{0,16}\b(?:decided|agreed|settled on|resolved|chose|chosen|"
    r"picked|opted|voted)\b",
    r"^(?:final )?(?:decision|decided|resolved|conclusion|verdict)\s*[:–—-]", r"^agreed\s*[:–—-]\s*\w",
    r"\bit(?:'s|s| is| was| has been)? (?:been )?(?:decided|settled|agreed)\b", r"^(?:so )?(?:decided|settled)\b",
    LEAD + rf"(?:we'll|we will|we're going to|we are going to|we're|let's|lets) (?:all |now |then |just |not "
        rf")?(?:{DECIDING})\b",
    r"\b(?:we won't|we will not|we're not going to|we aren't going to|let's not) (?!know|see|forget|need|be|have|"
    r"worry|rush|get|panic|kid|mind)\w+",
    r"^(?:then|so|ok|okay|fine|alright)\b[, ]{1,2}(?:then )?we (?:keep|go with|use|take|drop|stay with|stick with|"
    r"do)\b",
    rf"^(?:[\w ]{{0,30}}, )?(?:we'll|we will) (?:{DECIDING})\b", r"^(?:so |ok |then )*(?:i'm |we're )?going with\b",
    r"^we go with\b",
    r"^(?!.*\b(?:what|how|who|where|that's|as|whatever)\b).{2,50} it is[.!]*$", LEAD + r"approved\b",
    r"\b(?:i|we) approved?\b", r"\b(?:is|are|got|been) (?:hereby )?approved\b", r"\bsigned off\b", r"\bgreenlit\b",
    r"\bfrom now on\b", r"\beffective (?:immediately|today|tomorrow|monday)\b", r"^(?:the )?[\w ]{2,40} stays(?: "
        r"as \w+)?[.!]*$",
)  # fmt: skip
DECIDIDO = _any(
    r"\b(?:decidimos|resolvemos|acordamos|concordamos (?:em|que|com)|combinamos|fechamos|definimos|optamos|escolhemos|"
    r"aprovamos|batemos o martelo|acertamos|votamos)\b",
    r"\b(?:ficou|foi|esta|fica|ficamos) (?:decidid|combinad|definid|acertad|acordad|resolvid|aprovad|fechad)[oa]s?\b",
    r"^(?:decisao|decidido|definido|acordado)\s*[:,–—-]", r"^aprovad[oa]s?\b",
    r"^(?:combinado|fechado)\s*[,:–—-]\s*(?!eu |vou |deixa|pode)\w",
    r"^(?:(?:entao|ok|certo|beleza|tudo bem|bom|pronto)[,: ]+){0,3}(?:fica|ficamos com|mantemos|seguimos com|"
    r"usamos|vamos de)\b(?! (?:a vontade|tranquil|responsavel|comigo))",
    rf"\b(?:vamos|a gente vai|iremos) (?:nao |entao |sim )?(?:{DECIDIR})\b", r"\b(?:nao vamos|a gente nao vai) \w+r\b",
    r"\ba partir de (?:agora|hoje|amanha|segunda)\b", r"\bde (?:agora|hoje) em diante\b",
)  # fmt: skip
PROPOSED = _any(
    r"\b(?:i|i'd|we) (?:propose|suggest|recommend|vote for)\b", r"^(?:my )?(?:proposal|suggestion)\b", r"\bhow about\b",
    r"\bwhat about\b", r"\blet's\b", r"\bshall we\b", r"\bshould we\b", r"\bcould we\b",
    r"\bdo we (?:want|go|take|use|extend)\b",
    r"\bwhy don't we\b", r"\bso we\b", r"\bdo you approve\b",
    r"\b(?:proponho|sugiro|recomendo|minha (?:proposta|sugestao)|que tal|vamos|bora|pode ser|e se)\b",
    r"\b(?:ficamos|fica|aprova)\b",
)  # fmt: skip
AGREED = _any(
    r"^(?:@\w+,? |\w+, )?(?:agreed|i agree|agree|deal|\+1|sounds (?:good|great|fine)|works for me|(?:fine|ok|okay|"
    r"good) (?:with|by) me|"
    r"let's do (?:it|that|this)|go ahead|do it|i'm in|lgtm|approved|makes sense|i'm fine with)\b", r"^[👍✅👌🙌]",
    r"^\+1",
    r"^(?:@\w+,? |\w+, )?(?:fechado|combinado|concordo|de acordo|bora|por mim|topo|apoiado|aprovado|faz sentido|pode "
    r"ser|estou de acordo|"
    r"eu topo|assino embaixo)\b",
)  # fmt: skip
NODDED = _any(
    r"^(?:yes|yep|yeah|sure|ok|okay|perfect|great|good|fine|right|all right|understood|absolutely|definitely|of "
    r"course|love it|"
    r"will do|gladly|happy to|no problem|consider it done|on it|i'm on it|got it|roger|done)\b",
    r"^(?:sim|claro|certo|isso|beleza|perfeito|otimo|boa|show|feito|pode deixar|deixa comigo|com certeza|consigo|posso|"
    r"tudo bem|blz|ok|maravilha|ta bom|conte comigo|deixa que)\b",
)  # fmt: skip
ACCEPTED = _any(
    r"\b(?:will do|on it|i'm on it|consider it done|leave it (?:to|with) me|i've got (?:this|it)|i got (?:this|"
    r"it)|i'll take (?:it|that|this)"
    r"|i can do (?:it|that)|i'll do (?:it|that)|happy to|gladly|sure thing)\b",
    r"^(?:sure|yes|yep|ok|okay|of course|no problem|absolutely)[,.! ]*$",
    r"\b(?:deixa comigo|pode deixar|conte comigo|fica comigo|eu faco|deixa que eu)\b",
    r"^(?:sim|claro|ok|certo|beleza|combinado|consigo|posso|pode ser|fechado)(?: sim)?[,.! ]*$",
)  # fmt: skip
BARE_YES = re.compile(
    r"^(?:sure|yes|yep|ok|okay|of course|no problem|absolutely|sim|claro|certo|beleza|combinado|consigo|posso|pode ser|"
    r"fechado)(?: sim)?[,.! ]*$"
)
OBJECTED = _any(
    r"^(?:no|nope|nah|i disagree|disagree|i'm against|against|not so fast|hold on|i object|i don't think|rather "
    r"not|i'd rather)\b",
    r"^(?:nao|discordo|calma|sou contra|nem pensar|melhor nao|de jeito nenhum)\b",
)  # fmt: skip
REFUSED = _any(
    r"\b(?:can't|cannot|can not|won't be able|no time|i'm afraid|unfortunately|not me|too busy|fully booked|out "
    r"of office)\b",
    r"\b(?:nao (?:consigo|posso|vou conseguir|da|dou conta)|sem tempo|infelizmente|estou sem agenda|to sem tempo)\b",
    r"^sorry\b",
    r"^not (?:today|now|this week)\b",
    r"^not (?:today|now|this week)\b",
)  # fmt: skip
DONE = _any(
    r"^(?:(?:it's |all )?done|sent|fixed|finished|shipped|published|just sent (?:it|them))[!. ✅]*$",
    r"^(?:feito|enviado|pronto|resolvido|publicado|mandei|enviei|ja (?:fiz|mandei|enviei|resolvi))[!. ✅]*$",
)
REVERSED = _any(
    r"\b(?:scratch|scrap|undo|cancel|forget|ignore) (?:that|it|this)\b", r"\bon second thoughts?\b",
    r"\bchanged (?:our|my) minds?\b",
    r"\blet's go back to\b", r"\bwe take (?:that|it) back\b", r"\bactually,? (?:let's|we)\b",
    r"\bi take (?:that|it) back\b",
    r"\b(?:voltamos atras|mudamos de ideia|mudei de ideia|esquece|esquecam|esqueca|pensando melhor|retiro o que "
    r"disse)\b",
    r"\bna verdade,? (?:vamos|a gente|melhor)\b", r"\bcancela (?:isso|tudo)\b",
)  # fmt: skip
WITHDRAWN = _any(
    r"\b(?:never ?mind|nvm|found (?:it|them)|got it now|figured it out|solved it|deixa pra la|deixa para la|ja "
    r"achei|achei|resolvi aqui)\b"
)
BLOCKED = _any(
    r"\b(?:blocked|stuck)\b(?! out)", r"\bblock(?:er|ing us|s us)\b", r"\b(?:still )?waiting (?:on|for)\b",
    r"\bholding us (?:up|back)\b",
    r"\b(?:can't|cannot|can not|couldn't|unable to) (?:\w+ ){0,3}(?:until|without|before|because)\b",
    r"\bdepends on\b.{0,60}\bnot (?:ready|there|done)\b",
    r"\b(?:bloquead|travad|emperrad)[oa]s?\b", r"\b(?:esta|esta tudo|estao|segue|continua) parad[oa]s?\b",
    r"\b(?:aguardando|esperando)\b",
    r"\bnao (?:consigo|conseguimos|da para|da pra|podemos|posso) (?:\w+ ){0,3}(?:sem|ate|enquanto|antes)\b",
    r"\bimpedid[oa]s?\b",
    r"\bsem acesso\b",
)  # fmt: skip
FREE = _any(
    r"\b(?:no|not|aren't|isn't|without|zero)\b.{0,14}\bblock", r"\bno longer (?:blocked|stuck|waiting)\b",
    r"\bunblocked\b",
    r"\b(?:sem|nenhum|nada) (?:bloqueios?|impediment)", r"\bdesbloquead", r"\bdestravad",
    r"\bnao (?:esta|estou|estamos) (?:mais )?(?:bloque|trava)",
    r"\b(?:que|was|were|estava|estavamos|estive)\s+(?:blocked|stuck|bloquead|travad)",
    r"\b(?:waiting for|esperando|aguardando) (?:the )?(?:bus|lunch|weekend|you|onibus|almoco|fim de semana|voce)",
)  # fmt: skip
POSTPONED = _any(
    r"\b(?:postpon|defer)(?:e|ed|ing|red|ring)?\b", r"\bon hold\b", r"\bnot (?:in )?this (?:sprint|week|month|"
        r"quarter|release)\b",
    r"\b(?:push|pushed|pushing|move|moved|moving|delay|delayed|shift|shifted|bump|bumped)\b.{0,40}\b(?:back|to "
    r"(?:the )?(?:next|later|january|february|"
    r"march|april|may|june|july|august|september|october|november|december|q[1-4]|new year|following))\b",
    r"\b(?:shelve|shelved|park it|parked|table it|tabled)\b",
    r"\b(?:adia(?:r|d[oa]s?|mos|mento)?|postergar|postergad[oa]s?)\b", r"\b(?:suspens[oa]s?|em espera|"
        r"pausad[oa]s?) (?:por enquanto|por ora|ate)\b",
    r"\b(?:deixar?|deixamos|fica|ficou|ficam|empurrar?|empurramos|passar?|jogar) .{0,40}\bpara? (?:depois|mais "
    r"tarde|[oa]? ?(?:proxim|semana que|mes que|ano que)|"
    r"janeiro|fevereiro|marco|abril|maio|junho|julho|agosto|setembro|outubro|novembro|dezembro)",
    r"\b(?:fica|ficou|ficam) para? (?:depois|mais tarde|[oa]? ?(?:proxim|semana que|mes que|ano que))",
    r"\bpor enquanto (?:fica )?(?:suspens|parad|em espera)",
)  # fmt: skip
REQUEST = _any(
    r"\b(?:can|could|will|would) you\b(?! (?:see|hear|believe|imagine|guess|recommend|say|tell me why))",
    r"\b(?:can|could|would) (?:someone|somebody|anyone|anybody|one of you|any of you)\b",
    rf"\b(?:alguem|algum de voces) (?:pode|poderia|consegue) (?:{_INF})\b",
    r"\b(?:can|could|would) (?:someone|somebody|anyone|anybody|one of you|any of you)\b",
    rf"\b(?:alguem|algum de voces) (?:pode|poderia|consegue) (?:{_INF})\b",
    r"\bwould you mind\b", r"\bdo you mind \w+ing\b",
    r"\b(?:please|pls|kindly)\b", r"\byou(?:'ll| will)? (?:need|have) to\b", r"\byou (?:should|must)\b",
    rf"\b(?:voce |vc |tu )?(?:pode|poderia|consegue|conseguiria|podes) (?:me |nos |por favor )?(?:{_INF})\b",
    rf"\bda (?:pra|para) (?:voce )?(?:{_INF})\b",
    r"\bpor favor\b", r"\bpor gentileza\b", r"\bvoce (?:precisa|tem que|tem de)\b",
)  # fmt: skip
REQUEST_VERB = _any(
    rf"\b(?:{_DO}|checking|sending|writing|looking|taking|\w+ing)\b", rf"\b(?:{_INF}|{_ASKED}|{_THREE})\b"
)
ORDER = _any(rf"^[,:\s]*(?:please |pls )?(?:{_DO})\b(?!')", rf"^[,:\s]*(?:por favor,? )?(?:{_ASKED}|{_THREE})\b")
NOT_DOING = (
    r"be|see|think|miss|love|like|need|want|never|not|always|guess|know|hear|let|eat|sleep|stay|feel|agree|hope|"
    r"pass|admit|"
    r"say|die|rest|remember"
)
PROMISED = _any(
    rf"\bi(?:'ll| will|'m going to| am going to|'m gonna) (?:also |just |then |now |gladly |try to |quickly |"
    rf"personally )*(?!(?:{NOT_DOING})\b)"
    r"(?!(?:go with|have (?:a|the|some)\b(?!.*\b(?:ready|done|draft))|take (?:a break|a nap|lunch|the day)))[a-z]+",
    rf"\bi can (?:also )?(?:{_DO})\b", rf"\blet me (?!check$)(?:{_DO})\b(?! (?:it|that)? ?(?:sink|think))",
    r"\bi'm (?:handling|taking (?:care|over)|leading|owning)\b",
    r"\bi(?:'ll| will) be \w+ing\b", r"\bi(?:'ll| will) get (?:it|this|that) (?:done|ready)\b", r"\bi promise to\b",
    r"\bi commit to\b",
    rf"\b(?:eu )?vou (?:tambem |ja |so |tentar |te |lhe )*(?!ver\b)(?:{_INF})\b", rf"\beu (?:ja |mesm[oa] |te |"
        rf"lhe |tambem |[oa]s? )*(?:{_ONE})\b",
    LEAD + rf"(?:te |lhe |ja |tambem )*(?:{_ALONE})\b(?! (?:que|isso nao))", r"\beu fico com\b",
    r"\beu me (?:encarrego|comprometo)\b", r"\bestou cuidando\b",
    rf", (?:{_ALONE}) (?:para|com|isso|o|a|os|as|ate|hoje|amanha)\b",
)  # fmt: skip
NEEDED = _any(
    r"\b(?:is|are|will be) due\b(?! to)",
    rf"\bwe need (?:someone|somebody) to (?:{_DO})\b",
    rf"\b(?:we|someone|somebody|one of us|who(?:ever)?) (?:still |also )?(?:needs? to|has to|have to|must|gotta) "
    rf"(?!talk|discuss|speak|work|keep|start|get|turn)(?:{_DO})\b",
    rf"\b(?:someone|somebody) should (?:{_DO})\b", r"\bneeds? to be (?!decided|agreed)\w+ed\b",
    rf"\b(?:precisamos|temos que|temos de|a gente precisa|a gente tem que|alguem (?:precisa|tem que|deve)|"
    rf"falta|e preciso) (?!definir|comecar|falar|conseguir|ver\b)(?:{_INF})\b", r"\bprecisam? ser \w+[ad][oa]s?\b",
)  # fmt: skip
YOU_DO = _any(
    rf"\byou(?:'ll| will| to)? (?:also )?(?:{_DO}|own|do)\b",
    rf"\bvoce (?:{_THREE})\b",
)
TODO = re.compile(r"^(?:action(?: item)?s?|to-?do|ai|acao|tarefa|pendencia)\s*[:–—-]\s*")
WILL = _any(
    rf"^ (?:{_DO})e?s\b.{{0,200}}\b(?:by|due|until|before|tomorrow|today|next week)\b",
    rf"^(?:'ll| will| is going to| to| has to| needs? to| must| should| is to) (?:also |then |now )?(?:{_DO}|do|"
    rf"own|lead)\b",
    r"^ (?:takes?(?! (?:a|too|so|up|about|ages|\d))|owns|handles|leads|is (?:taking (?:care|over)|leading|"
    r"handling|owning|responsible|in charge))\b",
    rf"^ (?:vai|ira|deve|precisa|tem que|tem de) (?:{_INF})\b", r"^ (?:fica|ficou|e) (?:com|responsavel|"
        r"encarregad[oa])\b",
    r"^ (?:cuida|assume|apresenta|lidera|prepara|revisa|envia|manda|faz|responde|organiza|coordena|entrega|escreve)\b",
)  # fmt: skip
GIVEN_TO = re.compile(
    r"\b(?:goes|go|assigned|assign (?:it|this)|belongs|give (?:it|this)|hand(?:ed)? (?:it |this )?over|fica com|"
    r"vai para) (?:to )?(?:[ao] )?@?$"
)
TAGS = re.compile(
    r",? (?:remember|right|ok|okay|yes|no|huh|isn't it|don't you think|correct|ne|certo|ta|ta bom|hein|viu|sabe|"
    r"pode ser|beleza|combinado|lembra)\s*\?+\W*$"
)
PROPOSAL_TAG = re.compile(r",? (?:ok|okay|right|pode ser|beleza|combinado|then)\s*\?+\W*$")
SMALL = _any(
    r"\b(?:how are you|how's it going|what's up|how was your|nice weekend|good weekend|how do you do|tudo bem|"
    r"tudo bom|como vai|e voce|and you|"
    r"lunch|coffee|beer|weather|the (?:game|match) (?:yesterday|last night)|viu o jogo|almoco|cafezinho|cerveja|"
    r"que calor|que frio|fim de semana foi)\b",
    r"^(?:really|seriously|serious|serio|what|who knows|quem sabe|why not|por que nao|ready|thoughts|any thoughts|"
    r"you|hm+|alguma ideia|ue|oi|hello|hi)\W*$",
)  # fmt: skip
ASKING = _any(
    r"^(?:who|what|when|where|why|which|how|quem|que|qual|quais|quando|onde|por que|porque|como|quant[oa]s?|cade)\b"
)
WORDS = re.compile(r"[^\W_]+")
ANYBODY = re.compile(r"\b(?:someone|somebody|anyone|anybody|one of you|any of you|alguem|algum)\b")
