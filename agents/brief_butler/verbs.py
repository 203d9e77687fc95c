"""Verbs of doing, in English and Portuguese, with the forms in which they promise, ask or tell."""

from __future__ import annotations

from collections.abc import Iterable

_EN = """
add adjust announce answer apply approach approve arrange ask assemble assign audit backup book brief bring build buy
call cancel change chase check clean clear close collect compare compile complete configure confirm contact convert
coordinate copy correct create cut debug define delete deliver deploy design discuss dispatch distribute do document
download draft draw edit email enable escalate estimate evaluate export extend file fill finalise finalize find finish
fix follow forward gather generate get give handle hand hash hire implement import improve inform inspect install
integrate introduce invest investigate invite invoice issue join launch lead leave list load log look lower mail make
manage map measure merge message migrate mock modify move negotiate notify open order organise organize own pack paint
pay phone pick ping place plan polish post prepare present print process produce propose provide publish pull push put
raise reach read rebuild record redo reduce refactor refund register release remind remove rename renew repair replace
reply report request rerun research reserve reset resend resolve respond restart restore return review revise rewrite
roll run save schedule search secure select sell send set share ship sign sketch sort speak split start stop submit
summarise summarize support switch sync take talk tell test tidy train transfer translate trim try turn update upgrade
upload validate verify visit wait warn watch work wrap write
"""
_PT = """
abrir acompanhar acrescentar adicionar agendar ajudar ajustar alinhar alterar alugar analisar anotar anunciar aplicar
apresentar aprovar arquivar arrumar assinar assumir atender atualizar aumentar avaliar avisar baixar buscar calcular
cancelar cadastrar checar chamar cobrar colocar comecar comparar compartilhar comprar comunicar concluir conferir
configurar confirmar conseguir consertar consultar contratar
contatar conversar convidar coordenar copiar corrigir cortar
cotar criar cuidar dar deixar definir desenhar
desenvolver devolver digitar distribuir diminuir dividir documentar editar
elaborar encaminhar encerrar encontrar entrar entregar enviar escalar escolher escrever estimar estudar exportar falar
fazer fechar filmar finalizar fotografar gerar gravar imprimir incluir informar instalar integrar investigar lancar ler
levar liberar liderar ligar limpar listar mandar mapear marcar medir melhorar migrar montar mover mudar negociar
orcar organizar pagar passar pedir pegar pesquisar pintar planejar postar preparar processar produzir programar procurar
providenciar publicar puxar recolher reduzir reembolsar refazer registrar remover renovar repassar reservar
resolver reabrir reenviar refinar remarcar
responder retornar reunir revisar rodar selecionar separar solicitar subir substituir terminar testar tirar trazer
traduzir transferir treinar trocar validar vender ver verificar visitar
"""
_IRREGULAR = {
    "dar": ("dou", "da", "de"),
    "fazer": ("faco", "faz", "faca"),
    "refazer": ("refaco", "refaz", "refaca"),
    "trazer": ("trago", "traz", "traga"),
    "pedir": ("peco", "pede", "peca"),
    "medir": ("meco", "mede", "meca"),
    "ver": ("vejo", "ve", "veja"),
    "ler": ("leio", "le", "leia"),
    "subir": ("subo", "sobe", "suba"),
    "conferir": ("confiro", "confere", "confira"),
    "conseguir": ("consigo", "consegue", "consiga"),
    "traduzir": ("traduzo", "traduz", "traduza"),
    "produzir": ("produzo", "produz", "produza"),
    "reduzir": ("reduzo", "reduz", "reduza"),
    "concluir": ("concluo", "conclui", "conclua"),
    "incluir": ("incluo", "inclui", "inclua"),
    "distribuir": ("distribuo", "distribui", "distribua"),
    "substituir": ("substituo", "substitui", "substitua"),
    "corrigir": ("corrijo", "corrige", "corrija"),
    "escolher": ("escolho", "escolhe", "escolha"),
}


def _forms(infinitive: str) -> tuple[str, str, str]:
    """First person, third person (which also commands), and the polite command, without accents."""
    if infinitive in _IRREGULAR:
        return _IRREGULAR[infinitive]
    root, kind = infinitive[:-2], infinitive[-2:]
    if kind == "ar":
        polite = root + "e"
        if root.endswith("c"):
            # "marque" and "comece": which of the two it is cannot be seen without the cedilla.
            polite = root + "e" if infinitive in ("comecar", "lancar", "orcar") else root[:-1] + "que"
        elif root.endswith("g"):
            polite = root + "ue"
        return root + "o", root + "a", polite
    return root + "o", root + "e", root + "a"


# Forms that are also nouns: "Contrato assinado" promises nothing.
_NOUNS = frozenset(("contrato", "documento", "registro", "desenho", "processo", "marco", "pinto", "anuncio", "calculo",
                    "termino", "publico", "passo", "troco", "programo"))  # fmt: skip
DOING = frozenset(_EN.split())
INFINITIVES = frozenset(_PT.split())
FIRST = {_forms(verb)[0]: verb for verb in INFINITIVES - {"ver", "conseguir"}}
"""`envio` -> `enviar`: what one says one does."""
FIRST_ALONE = {form: verb for form, verb in FIRST.items() if form not in _NOUNS}
"""Those that promise without an "eu" before them."""
THIRD = {_forms(verb)[1]: verb for verb in INFINITIVES - {"ver", "conseguir"}}
"""`envia` -> `enviar`: what somebody does, or is told to do."""
POLITE = {_forms(verb)[2]: verb for verb in INFINITIVES}
"""`envie` -> `enviar`: what somebody is asked to do."""


def any_of(words: Iterable[str]) -> str:
    """The words as an alternative of a regular expression."""
    return "|".join(sorted(words, key=lambda word: (-len(word), word)))
