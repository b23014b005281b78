"""Words of our own: subjects in English, and a handful of frames and syllables for other languages and scripts.

Nothing is taken from a dataset. What matters is not that a prompt reads well but that its statistics are those of its kind: how many
subjects, how many openings, which parts are fixed, how long, which script.
"""

from __future__ import annotations

from dataclasses import dataclass

SUBJECTS: dict[str, str] = {
    "code": "array string function class query regex parser thread socket database recursion matrix pointer stack queue "
    "integer dictionary iterator decorator schema endpoint compiler exception pagination cache index module script",
    "arithmetic": "apples marbles pencils tickets kilometres litres discount salary fence garden train bakery coins ribbon "
    "baskets chairs pages minutes farmers tiles cyclist painter cousins savings harvest bottles classroom journey",
    "science": "photosynthesis enzyme tectonic orbit voltage isotope membrane catalyst diffraction entropy genome glacier "
    "momentum neuron plasma sediment spectrum vaccine viscosity wavelength ecosystem mitosis polymer semiconductor",
    "history": "empire treaty revolution dynasty parliament colony expedition monarchy rebellion alliance industry trade "
    "migration archive plague reform railway fortress senate crusade emperor settlement republic cathedral",
    "writing": "novel stanza character dialogue metaphor chapter villain journey letter speech headline slogan festival "
    "memory harbour winter lighthouse orchestra promise stranger island mirror kingdom fable detective",
    "business": "invoice customer pricing marketing budget supplier contract revenue onboarding inventory strategy "
    "campaign subscription warranty franchise logistics payroll audit stakeholder forecast retention compliance",
    "health": "insomnia headache vitamin allergy posture nutrition recovery pregnancy cholesterol anxiety stretching "
    "hydration antibiotic migraine diabetes exercise fever therapy pulse rehabilitation symptom dosage",
    "travel": "airport hotel itinerary museum passport beach restaurant ferry luggage mountain village market visa "
    "train festival hostel guide weather currency sunset cathedral island bridge landmark",
    "household": "kitchen garden curtain dishwasher mattress plumbing recipe freezer carpet ladder window balcony "
    "laundry toaster furniture paint drawer vacuum candle gutter heating basement doorbell",
    "law": "tenant landlord contract custody patent trademark liability notary appeal inheritance evidence clause "
    "deposit mediation statute warranty negligence witness licence settlement verdict probate",
    "banking": "account transfer card statement balance deposit mortgage interest overdraft cheque branch refund "
    "payment loan currency savings pension credit limit charge security transaction",
    "imaging": "photograph satellite camera segmentation classifier portrait resolution scanner texture contour pixel "
    "microscope thermal barcode panorama detector lens exposure histogram annotation tracking recognition",
    "music": "melody chord rhythm orchestra lyric tempo harmony chorus guitar violin drum scale concert album soprano "
    "festival notation bassline composer keyboard",
    "cooking": "onion garlic oven dough simmer spice broth recipe pastry vinegar mushroom lentil roast butter ginger "
    "marinade dumpling sauce yeast cinnamon skillet",
    "sport": "marathon goalkeeper referee training sprint league tournament coach stadium penalty injury cycling rowing "
    "transfer tactics relay champion qualifier warmup endurance",
    "games": "dragon dungeon quest wizard inventory spell goblin castle potion armour tavern guild level boss puzzle "
    "treasure respawn merchant rogue scroll",
    "philosophy": "consciousness virtue duty freedom scepticism identity utility essence paradox justice knowledge "
    "causation meaning ethics language mind reality reason existence argument",
    "astronomy": "nebula comet telescope orbit galaxy eclipse asteroid pulsar supernova spectrum satellite crater "
    "redshift parallax equinox meteor corona exoplanet lander gravity",
    "economics": "inflation tariff subsidy monopoly demand supply elasticity recession currency unemployment bond "
    "deficit auction externality productivity welfare wage export liquidity",
    "databases": "table column join index transaction replica shard schema constraint trigger migration partition "
    "cursor snapshot vacuum lock aggregate view foreign primary",
    "security": "firewall certificate password phishing token encryption malware patch sandbox audit privilege "
    "backup incident vulnerability proxy session handshake signature credential",
    "nature": "forest river sparrow beetle moss wetland oak salmon pollen canyon tundra orchid hedgehog coral lichen "
    "falcon prairie estuary meadow fungus",
    "education": "lesson syllabus homework lecture quiz grading seminar curriculum tutor exam worksheet literacy "
    "scholarship semester thesis attendance kindergarten glossary",
    "relationships": "friendship wedding neighbour colleague argument apology birthday family divorce gift message "
    "dating trust roommate cousin party letter grandmother",
}  # fmt: skip

SYLLABLES = (
    "ba", "ce", "di", "fo", "gu", "ha", "je", "ki", "lo", "mu", "na", "pe", "qui", "ro", "su", "ta", "ve", "wo", "xi", "za",
    "bri", "cla", "dro", "fle", "gra", "ple", "sta", "tri", "nor", "mel", "tor", "sal", "ven", "kan", "ril", "dus",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tongue:
    """What it takes to write in a language: ``{s}`` is a content word, ``{n}`` a number, ``{name}`` a name."""

    syllables: tuple[str, ...]
    glue: tuple[str, ...]
    asks: tuple[str, ...]
    follow_ups: tuple[str, ...]
    reasoning: str
    space: str = " "
    letters: float = 4.0  # characters a token


def _tongue(syllables: str, glue: str, asks: str, follow_ups: str, reasoning: str, space: str = " ", letters: float = 4.0) -> Tongue:
    asked, followed = tuple(asks.split("|")), tuple(follow_ups.split("|"))
    return Tongue(tuple(syllables.split()), tuple(glue.split()), asked, followed, reasoning, space, letters)


TONGUES: dict[str, Tongue] = {
    "de": _tongue(
        "ge ver haus stein lich ung bau wald tag mann schaft kraft werk be ein aus berg licht", "der die und mit von das auf ist ein nicht",
        "Erkläre den Unterschied zwischen {s} und {s}|Schreibe einen Text über {s} und {s}|Wie funktioniert {s} bei {s}?|Was ist {s}?|"
        "Nenne {n} Beispiele für {s}|Warum ist {s} wichtiger als {s}?|Übersetze den Satz über {s}|{name} hat {n} {s}. Wie viele bleiben?",
        "kürzer bitte|und warum?|noch ein Beispiel zu {s}|das stimmt nicht|danke, und {s}?", "Denke Schritt für Schritt.",
    ),
    "es": _tongue(
        "ca sa do mar ción tra vi pue lu na ra ga to ma ri co le be", "el la de que y en un por con los",
        "Explica la diferencia entre {s} y {s}|Escribe un texto sobre {s}|¿Cómo funciona {s} en {s}?|¿Qué es {s}?|Dame {n} ideas de {s}|"
        "¿Por qué {s} causa {s}?|Resume la historia de {s}|{name} compra {n} {s}. ¿Cuánto paga?",
        "más corto|¿y por qué?|otro ejemplo con {s}|no funciona|gracias, ¿y {s}?", "Piensa paso a paso.",
    ),
    "fr": _tongue(
        "mai son eau tion ment pro vé lu jar din che val ré bou lan ge sou", "le la de et les des un une pour dans",
        "Explique la différence entre {s} et {s}|Écris un texte sur {s}|Comment fonctionne {s} dans {s} ?|Qu'est-ce que {s} ?|"
        "Donne {n} exemples de {s}|Pourquoi {s} dépend de {s} ?|Traduis la phrase sur {s}|Propose un plan pour {s}",
        "plus court|et pourquoi ?|un autre exemple de {s}|ça ne marche pas|merci, et {s} ?", "Raisonne étape par étape.",
    ),
    "pt": _tongue(
        "ca sa mar ção tra vi lu na ra ga to lho nha ri co le", "o a de que e em um por com os",
        "Explique a diferença entre {s} e {s}|Escreva um texto sobre {s}|Como funciona {s}?|O que é {s}?|Liste {n} ideias de {s}|"
        "Por que {s} é melhor que {s}?|Faça um resumo de {s}", "mais curto|e por quê?|outro exemplo de {s}|"
        "não funciona", "Pense passo a passo.",
    ),
    "it": _tongue(
        "ca sa mon do mare zione tra vi lu na ra ga to gio ri co le", "il la di che e in un per con gli",
        "Spiega la differenza tra {s} e {s}|Scrivi un testo su {s}|Come funziona {s}?|Che cos'è {s}?|Elenca {n} esempi di {s}|"
        "Perché {s} precede {s}?", "più breve|e perché?|un altro esempio di {s}", "Ragiona passo dopo passo.",
    ),
    "pl": _tongue(
        "prze wod dom ro za kra nik ość rze ka mia sto wie czer ska pod", "i w na z do się nie to jest o",
        "Wyjaśnij różnicę między {s} a {s}|Napisz tekst o {s}|Jak działa {s}?|Co to jest {s}?|Podaj {n} przykładów {s}|"
        "Dlaczego {s} zależy od {s}?",
        "krócej|a dlaczego?|jeszcze przykład {s}", "Myśl krok po kroku.", letters=2.8,
    ),
    "tr": _tongue(
        "ka ev lar yol su dağ göz lük ler iş de niz ba şa köy", "ve bir bu için ile de ne çok daha mi",
        "{s} ile {s} arasındaki fark nedir?|{s} hakkında bir yazı yaz|{s} nasıl çalışır?|{n} tane {s} örneği ver|Neden {s} önemlidir?",
        "daha kısa|neden?|{s} için örnek ver", "Adım adım düşün.", letters=3.0,
    ),
    "vi": _tongue(
        "nhà nước cây trời sông núi đường người học thành phố ánh biển rừng", "và của là có cho một những trong với được",
        "Giải thích sự khác nhau giữa {s} và {s}|Viết một đoạn văn về {s}|{s} hoạt động như thế nào?|Cho {n} ví dụ về {s}|"
        "Tại sao {s} cần {s}?",
        "ngắn hơn|tại sao?|thêm ví dụ về {s}", "Hãy suy nghĩ từng bước.", letters=2.6,
    ),
    "id": _tongue(
        "ma ru mah pa kan ja lan bu ku ter ber ka sa wah air gu nung", "dan yang di untuk dengan dari ini itu pada adalah",
        "Jelaskan perbedaan antara {s} dan {s}|Tulis teks tentang {s}|Bagaimana cara kerja {s}?|Berikan {n} contoh {s}|"
        "Mengapa {s} penting?",
        "lebih pendek|kenapa?|contoh lain {s}", "Pikirkan langkah demi langkah.", letters=3.4,
    ),
    "ru": _tongue(
        "во да дом сто ро на ста при мо ре сол нце го ра пра во сло че ло", "и в не на что с по это как для",
        "Объясни разницу между {s} и {s}|Напиши текст о {s}|Как работает {s}?|Что такое {s}?|Приведи {n} примеров {s}|"
        "Почему {s} важнее чем {s}?",
        "короче|а почему?|ещё пример {s}|не работает", "Рассуждай шаг за шагом.", letters=2.4,
    ),
    "zh": _tongue(
        "水 山 火 人 学 心 天 城 市 电 光 书 生 物 海 风 石 木 金 土 语 言 数 算 法 机 车 路 画 音", "的 了 在 是 和 与 对 为 从 把",
        "请解释{s}和{s}的区别|写一篇关于{s}的文章|{s}是怎样工作的？|什么是{s}？|列出{n}个{s}的例子|为什么{s}会影响{s}？|总结{s}的历史|请翻译这句关于{s}的话",
        "短一点|为什么？|再举一个{s}的例子|不对", "请逐步推理。", "", 1.3,
    ),
    "ja": _tongue(
        "水 山 火 人 学 心 天 町 電 光 本 生 海 風 石 木 語 数 車 道 絵 音 時 花 空 店", "の は を に が と で も から まで",
        "{s}と{s}の違いを説明してください|{s}について文章を書いてください|{s}とは何ですか？|{s}の例を{n}個あげて|なぜ{s}は{s}に必要ですか？",
        "もっと短く|なぜですか？|{s}の例をもう一つ", "ステップごとに考えてください。", "", 1.3,
    ),
    "ko": _tongue(
        "물 산 불 사 람 학 교 마 음 하 늘 도 시 전 기 빛 책 바 다 나 무 길 차 말", "은 는 을 를 이 가 에 와 그리고 또는",
        "{s}와 {s}의 차이를 설명해 줘|{s}에 대한 글을 써 줘|{s}는 어떻게 작동하나요?|{s}의 예를 {n}개 들어 줘|왜 {s}가 중요한가요?",
        "더 짧게|왜?|{s} 예시 하나 더", "단계별로 생각해 보세요.", letters=1.6,
    ),
    "ar": _tongue(
        "ما بي تا كت در سو مد ين نو را جب بح شم قم سل عل", "في من على إلى أن هذا التي مع عن ما",
        "اشرح الفرق بين {s} و {s}|اكتب نصا عن {s}|كيف يعمل {s}؟|ما هو {s}؟|اذكر {n} أمثلة على {s}|لماذا {s} مهم؟",
        "أقصر|لماذا؟|مثال آخر عن {s}", "فكر خطوة بخطوة.", letters=2.2,
    ),
    "hi": _tongue(
        "पा नी घर दे श रा ज का म न ग र ल ता सू रज कि ता ब", "और का के की में है से को पर यह",
        "{s} और {s} में अंतर समझाइए|{s} पर एक लेख लिखो|{s} कैसे काम करता है?|{n} {s} के उदाहरण दो|{s} क्यों ज़रूरी है?",
        "छोटा करो|क्यों?|{s} का एक और उदाहरण", "कदम दर कदम सोचो।", letters=1.8,
    ),
    "th": _tongue(
        "น้ำ บ้าน เมือง ไฟ คน ใจ ฟ้า ทาง รถ ภา ษา เลข หนัง สือ ทะเล", "และ ของ ที่ ใน เป็น มี ให้ กับ จาก",
        "อธิบายความแตกต่างระหว่าง{s}กับ{s}|เขียนบทความเกี่ยวกับ{s}|{s}ทำงานอย่างไร|ยกตัวอย่าง{s} {n} ข้อ",
        "สั้นกว่านี้|ทำไม|ตัวอย่าง{s}อีก", "คิดทีละขั้นตอน", "", 1.6,
    ),
}  # fmt: skip
