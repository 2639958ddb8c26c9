"""The words and patterns that Sensay's OpenAPI lists; anything else is a 400."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, WithJsonSchema

from airflow_provider.sandbox.state.file_types import MIME_TYPES, words

LANGUAGES = words(
    "ab aa af ak sq am ar an hy as av ae ay az ba bm eu be bn bh bi bs br bg my ca ch ce ny zh cu cv kw "
    "co cr hr cs da dv nl dz en eo et ee fo fj fi fr ff gl ka de el kl gn gu ht ha he hz hi ho hu is io "
    "ig id ia ie iu ik ga it ja jv kn kr ks kk km ki rw ky kv kg ko ku kj la lb lg li ln lo lt lu lv gv "
    "mk mg ms ml mt mi mr mh mn na nv nd ne ng nb nn no ii nr oc oj om or os pa pi fa pl ps pt qu rm rn "
    "ro ru sa sc sd se sm sg sr gd sn si sk sl so st es su sw ss sv ta te tg th ti bo tk tl tn to tr ts "
    "tt tw ty ug uk ur uz ve vi vo wa cy wo xh yi yo za zu"
)
MODELS = words(
    "asi1-mini claude-3-7-sonnet-latest claude-haiku-4-5 claude-sonnet-4-5 deepseek-chat gemini-2.5-flash "
    "gemini-2.5-pro gpt-4o gpt-4o-mini gpt-5 gpt-5-mini gpt-5-nano grok-3-latest grok-4-latest o3-mini "
    "targon-gpt-oss-120b mistral-large claude-4-sonnet-20250514 grok-2-latest grok-3-beta"
)
TOOLS = words(
    "getTokenInfo getUdaoTokenInfo getSensayTokenInfo getTokenInfoMEAI answerToLife toolhouse "
    "brightUnionGetQuoteTool brightUnionGetCoverablesTool"
)
TAGS = words(
    "AI,Academic,Arts,Blockchain,Business,Celebrity,Charity,Developer,Educator,Europe,Fashion,Finance,"
    "Food,Health & Fitness,History,Italian,Kids,Language,Law,Leadership,Lifestyle,Literature,Love,"
    "Military,Modelling,Motivation,Movies,Music,North America,Philosophy,Politics,Religion,Science,"
    "Self-Help,Sensay,Sports,Technology,Web,Wisdom,blockchain,engage2earn,female,investment,male,meme,"
    "miniapp,telegram,web3",
    ",",
)

# The vendor's pattern is not anchored, so what follows the host is free; blanks are refused besides.
URL = r"^\S*https?://[-a-zA-Z0-9@:%._+~#=]{1,256}\.[a-zA-Z0-9()]+\b\S*$"
EMAIL = r"^[^@\s]+@[^@\s]+$"


def _one_of(known: tuple[str, ...]) -> Any:
    def check(given: str) -> str:
        if given not in known:
            raise ValueError(f"unknown value: {given}")
        return given

    return AfterValidator(check), WithJsonSchema({"type": "string", "enum": list(known)})


Language = Annotated[str, *_one_of(LANGUAGES)]
Model = Annotated[str, *_one_of(MODELS)]
Tool = Annotated[str, *_one_of(TOOLS)]
MimeType = Annotated[str, *_one_of(MIME_TYPES)]
Tag = Annotated[str, *_one_of(TAGS)]
