"""Cue phrases: what students' training sets ask of a teacher, in the languages they ask it in.

One or two words a phrase (the fingerprint looks at words and pairs of words). A cue is weak evidence on its own;
its share over an account's requests is a feature. Families follow public reports of what was harvested:
chains of thought, rubric grading (the model as a reward model), personas, and generated tasks.
"""

from __future__ import annotations

FAMILIES: dict[str, tuple[str, ...]] = {
    "reasoning": (
        "step by", "by step", "chain of", "reason carefully", "reason through", "your reasoning", "the reasoning",
        "show reasoning", "think through", "think carefully", "let's think", "final answer", "your work", "boxed",
        "work through", "thought process", "intermediate steps", "paso a", "étape par", "schritt für", "passo a",
        "шаг за", "步骤", "推理", "思考", "逐步", "ステップ",
    ),
    "grading": (
        "rate the", "score the", "grade the", "rubric", "from 1", "scale of", "which response", "better response",
        "better answer", "criteria", "evaluate the", "preference between", "response a", "answer a", "assistant a",
        "critique the", "judge the", "bewerte", "califica", "évaluez", "评分", "打分", "評価",
    ),
    "persona": (
        "act as", "you are", "pretend to", "roleplay", "play the", "in character", "take on", "imagine you",
        "actúa como", "agis comme", "du bist", "扮演", "你是",
    ),
    "generation": (
        "generate a", "come up", "diverse set", "write instructions", "new instruction", "new task", "create a",
        "seed task", "training examples", "training data", "examples of", "question and", "self instruct", "dataset of",
        "genera una", "générez", "erstelle", "生成", "作成",
    ),
}

FAMILY_NAMES = tuple(FAMILIES)
