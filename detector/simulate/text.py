"""Prompts of our own making: subjects, ways of asking, and what people type.

Nothing is taken from a dataset. What matters is not that a prompt reads well but that its statistics are those of its
kind: how many subjects, how many openings, which parts are fixed, how long.
"""

from __future__ import annotations

import random

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
}
DOMAINS = tuple(SUBJECTS)
_SYLLABLES = (
    "ba", "ce", "di", "fo", "gu", "ha", "je", "ki", "lo", "mu", "na", "pe", "qui", "ro", "su", "ta", "ve", "wo", "xi", "za",
    "bri", "cla", "dro", "fle", "gra", "ple", "sta", "tri",
)  # fmt: skip

# {s}: a word of the subject, {n}: a number, {name}: a made-up name
_TASKS: dict[str, tuple[str, ...]] = {
    "code": (
        "Write a {s} in Python that handles each {s} once", "Create a class for a {s} with a method to sort its {s}",
        "Implement {s} using only one {s}", "Given a {s} of {n} items, return the largest {s}", "Fix this {s}: {s} = {s}[{n}]",
        "Convert the following {s} to Rust: def {name}({s})", "Explain what this {s} does and improve its {s}",
        "Design a {s} that stores {n} {s} entries", "Add tests to the {s} module {name}", "How many {s} fit into a {s} of size {n}?",
        "Optimise the {s} so that the {s} stays below {n} ms", "Find the bug in the {s} called {name}",
        "Build a small tool which reads a {s} and prints its {s}", "Remove every duplicate {s} from a {s}",
    ),
    "arithmetic": (
        "{name} has {n} {s} and gives {n} to {name}. How many {s} are left?",
        "A {s} costs {n} euros. {name} buys {n} {s}. What is the total?",
        "If {n} {s} need {n} hours, how long do {n} {s} need?",
        "{name} walks {n} {s} every day for {n} days. How far is that?",
        "There are {n} {s} in a {s}. A third of them are gone. How many remain?",
        "{name} and {name} share {n} {s} in the ratio {n} to {n}.",
        "The sum of {n} {s} and twice as many {s} is counted by {name}. What is it?",
        "Every {s} holds {n} {s}; {name} fills {n}. Find the rest.",
    ),
}  # fmt: skip
_GENERAL_TASKS = (
    "Explain how the {s} relates to the {s}", "What causes {s} in a {s}?", "Compare {s} and {s} for {name}",
    "List {n} facts about {s}", "Summarise the role of {s} in {s}", "Why did the {s} change after the {s}?",
    "Describe the {s} to a beginner", "Give an example of {s} with {s}", "Which {s} is best when {s} matters?",
    "Write a short text on {s} and {s}", "Suggest a {s} that {name} could use for {s}", "Define {s} and name its {s}",
    "Classify the following {s}: {s}, {s}, {name}", "Rewrite this sentence about {s} for {name}", "Is a {s} a kind of {s}?",
    "Propose an experiment on {s}", "What should {name} know of {s} before {s}?", "Translate the idea of {s} into {s}",
    "When is {s} better than {s}?", "Outline the steps from {s} to {s}", "Recommend a {s} for identifying {s}",
    "{name} wants to {s} the {s}; what do you advise?", "Identify the {s} behind the {s}", "How would you measure {s}?",
)  # fmt: skip
_CHAT_STARTS = (
    "hi, ", "hello! ", "hey ", "pls ", "please ", "question: ", "I need help: ", "so ", "ok ", "quick one: ", "", "", "", "", "",
    "can you tell me ", "do you know ", "i was wondering ", "my friend says ", "what do you think, ",
)  # fmt: skip
_CHAT_ENDS = ("", "", "", "", "", " thanks", " please", " (short answer)", " asap", "?", " lol", " thank you")
_FOLLOW_UPS = (
    "and why?", "can you explain the second part again", "shorter please", "give me an example", "that does not work, I get an error",
    "ok, and the other case?", "now in {name}", "what about {s}", "add comments please", "thanks! and {s}?", "are you sure about {s}?",
    "continue", "can you make it more formal", "no, I meant the {s}", "translate that", "rewrite it with {s}",
)  # fmt: skip
_SUFFIXES = (
    "Please reason step by step, and put your final answer in a box.", "Let's think step by step.",
    "Show your reasoning before the answer.", "Think carefully and explain your reasoning.", "Explain each step in detail.",
    "Piensa paso a paso.", "请逐步推理", "Answer in detail and justify every claim.", "Write your thought process between tags.",
)  # fmt: skip
_PERSONAS = (
    "You are {name}, a {s} expert who loves {s}. ", "Act as a {s} teacher. ", "Take on the role of {name} from the {s}. ",
    "Pretend to be a {s} in a world of {s}. ", "You are a careful assistant for {s}. ",
)  # fmt: skip
_SYSTEMS = (
    "You are the assistant of {name}, a shop for {s}. Answer politely.", "Extract what is asked. Reply with the label only.",
    "You are a helpful assistant.", "Answer briefly from the document about {s}.", "You translate {s} texts. Keep the layout.",
    "You are a senior {s} engineer.", "Reply in JSON with the fields of a {s}.", "You support the customers of {name} with their {s}.",
)  # fmt: skip


class Writer:
    """Writes prompts from a seeded source of randomness."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng

    def name(self) -> str:
        """A made-up name."""
        return "".join(self.rng.choices(_SYLLABLES, k=self.rng.choice((2, 3)))).capitalize()

    def fill(self, frame: str, domain: str) -> str:
        """A frame with its slots filled from a subject."""
        words = SUBJECTS[domain].split()
        parts = frame.split("{")
        text = [parts[0]]
        for part in parts[1:]:
            slot, _, rest = part.partition("}")
            if slot == "s":
                # one word in six is a rare one, so that vocabularies grow with the number of prompts
                value = self.name().lower() if self.rng.random() < 1 / 6 else self.rng.choice(words)
            elif slot == "n":
                value = str(self.rng.randint(2, 400))
            else:
                value = self.name()
            text += (value, rest)
        return "".join(text)

    def task(self, domain: str) -> str:
        """One self-contained task, as a task list holds it; some with an input below."""
        frame = self.rng.choice(_TASKS.get(domain, ()) + _GENERAL_TASKS)
        text = self.fill(frame, domain)
        if self.rng.random() < 0.25:
            text += "\n" + self.document(domain, self.rng.randint(4, 40))
        return text

    def question(self, domain: str) -> str:
        """What a person types."""
        frame = self.rng.choice(_TASKS.get(domain, ()) + _GENERAL_TASKS)
        text = self.fill(frame, domain)
        start = self.rng.choice(_CHAT_STARTS)
        if start:
            text = start + text[0].lower() + text[1:]
        return text + self.rng.choice(_CHAT_ENDS)

    def follow_up(self, domain: str) -> str:
        """What a person types next."""
        return self.fill(self.rng.choice(_FOLLOW_UPS), domain)

    def document(self, domain: str, words: int) -> str:
        """Running text about a subject."""
        vocabulary = SUBJECTS[domain].split()
        glue = ["the", "of", "and", "with", "that", "which", "from", "under", "over", "after", "while", "each", "other", "many", "before"]
        return " ".join(self.rng.choice(vocabulary if at % 2 else glue) if self.rng.random() < 0.9 else self.name() for at in range(words))

    def suffix(self) -> str:
        """An instruction that elicits reasoning."""
        return self.rng.choice(_SUFFIXES)

    def persona(self, domain: str) -> str:
        """A role for the model to play."""
        return self.fill(self.rng.choice(_PERSONAS), domain)

    def system(self, domain: str) -> str:
        """A product's system prompt."""
        return self.fill(self.rng.choice(_SYSTEMS), domain)

    def template(self, domain: str) -> tuple[str, str]:
        """(what stands before the slot, what stands after it) of a product's prompt; the instruction may stand at either end."""
        instruction = self.fill(self.rng.choice(_GENERAL_TASKS), domain) + ". " + self.document(domain, self.rng.randint(0, 20))
        if self.rng.random() < 0.35:
            return "", "\n\n" + instruction
        after = "" if self.rng.random() < 0.5 else "\n" + self.fill(self.rng.choice(_GENERAL_TASKS), domain)
        return instruction + "\n", after
