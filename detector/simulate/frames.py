"""Frames with slots: ``{s}`` is a word of the topic, ``{n}`` a number, ``{name}`` a name."""

from __future__ import annotations

OF_SUBJECT: dict[str, tuple[str, ...]] = {
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
        "Every {s} holds {n} {s}; {name} fills {n}. Find the rest.", "Solve for x: {n}x + {n} = {n}",
        "What is the remainder of {n}^{n} divided by {n}?", "How many ways are there to put {n} {s} into {n} {s}?",
    ),
    "databases": (
        "Write a query that counts the {s} of each {s} above {n}", "Which {s} have no {s}? Give the query.",
        "List the {n} largest {s} by their {s}", "Normalise a {s} that holds {s} and {s}", "Why is the {s} on {s} slow with {n} rows?",
    ),
}  # fmt: skip
ASKS = (
    "Explain how the {s} relates to the {s}", "What causes {s} in a {s}?", "Compare {s} and {s} for {name}",
    "List {n} facts about {s}", "Summarise the role of {s} in {s}", "Why did the {s} change after the {s}?",
    "Describe the {s} to a beginner", "Give an example of {s} with {s}", "Which {s} is best when {s} matters?",
    "Write a short text on {s} and {s}", "Suggest a {s} that {name} could use for {s}", "Define {s} and name its {s}",
    "Classify the following {s}: {s}, {s}, {name}", "Rewrite this sentence about {s} for {name}", "Is a {s} a kind of {s}?",
    "Propose an experiment on {s}", "What should {name} know of {s} before {s}?", "Translate the idea of {s} into {s}",
    "When is {s} better than {s}?", "Outline the steps from {s} to {s}", "Recommend a {s} for identifying {s}",
    "{name} wants to {s} the {s}; what do you advise?", "Identify the {s} behind the {s}", "How would you measure {s}?",
    "How do I get rid of {s} in my {s}?", "Draft an email to {name} about the {s}", "Plan a {s} with {s} for {n} people",
    "Are there risks in {s} without {s}?", "Tell me a story of a {s} and a {s}", "In what year did the {s} of {name} begin?",
    "Who was {name} and what did they do for {s}?", "Make a table of {s}, {s} and {s}", "Can a {s} replace the {s}?",
    "Brainstorm {n} names for a {s}", "Pretend the {s} is a {s} and describe it", "Prove that every {s} has a {s}",
    "Correct the grammar: the {s} have {s} since {n} year", "Where can {name} find {s} near {s}?", "Sort by size: {s}, {s}, {s}, {s}",
    "Debate whether {s} should pay for {s}", "My {s} has {n} {s}, is that normal?", "What's the difference: {s} or {s}?",
    "Create a {s} for {name} with {n} {s}", "Generate a {s} that {name} would like", "Come up with {n} {s} about {s}",
    "Act as a {s} and advise {name}",
    "You are {name}. Describe your {s}", "Write a question and answer on {s}", "Rate the {s} of {name} from 1 to 10",
    "Show your work: {n} {s} of {s}",
    "Give examples of {s} in {s}", "Create a plan for {s}", "Generate a list of {n} {s}", "Imagine you live in a {s}. What of {s}?",
    "Give pros and cons of {s}", "Turn these notes on {s} into a speech: {s}, {s}, {n}", "Estimate the {s} of {n} {s}",
    "Invent a recipe with {s} and {s}", "Do {s} and {s} have a common origin?", "Name the {s} that {name} discovered",
)  # fmt: skip
OPENERS = (
    "In {s}, ", "Given a {s} of {n} {s}, ", "{name} says that {s} is {s}. ", "As {name} of the {s}, ", "With {n} {s}: ",
    "After the {s} of {name}, ",
    "My {s} and {s} are old. ", "For a {s} in {name}, ", "{s} and {s}: ", "Suppose {n} {s} are {s}. ", "Last {s}, {name} had {n} {s}. ",
    "About {s}: ", "To use {s}, ", "At {name}, every {s} has {n} {s}. ", "If {s} holds, ", "Because {s} fell by {n}, ",
)  # fmt: skip
CONDITIONS = (
    ". Explain your reasoning.", ". Think step by step.",
    ", in under {n} words", " for a class of {n} pupils", ", with an example on {s}", " without mentioning {s}", ". Use a table.",
    ", as a poem", " in simple words", ". Assume that {s} is fixed.", " and justify it", ", comparing it to {s}", ". Answer as a list.",
    " considering the {s} of {name}", ". Start with the {s}.", " and cite {n} sources", ", step after step", ". {name} disagrees: why?",
)  # fmt: skip
CHAT_STARTS = (
    "hi, ", "hello! ", "hey ", "pls ", "please ", "question: ", "I need help: ", "so ", "ok ", "quick one: ", "", "", "", "", "",
    "", "", "can you tell me ", "do you know ", "i was wondering ", "my friend says ", "what do you think, ",
)  # fmt: skip
CHAT_ENDS = ("", "", "", "", "", "", " thanks", " please", " (short answer)", " asap", "?", " lol", " thank you")
FOLLOW_UPS = (
    "and why?", "can you explain the second part again", "shorter please", "give me an example", "that does not work, I get an error",
    "ok, and the other case?", "now in {name}", "what about {s}", "add comments please", "thanks! and {s}?", "are you sure about {s}?",
    "continue", "can you make it more formal", "no, I meant the {s}", "translate that", "rewrite it with {s}", "what if {s} is {n}?",
    "the {s} of {name} is different though", "more detail on {s} and {s}", "can you list {n} more", "go on, but leave out {s}",
)  # fmt: skip
SENTENCES = (
    "the {s} of the {s} is under the {s} that {name} found with", "after {n} years the {s} and the {s} were joined by the",
    "{name} reported that each {s} carries a {s} from", "most {s} need {s} before they reach the", "in the {s}, {n} of the {s} had no",
    "a {s} without {s} is rare, although the {s} shows", "it was {name} who first put the {s} into the", "between {s} and {s} lies the",
    "the {s} costs {n} and includes {s}, {s} and", "while the {s} grows, its {s} is measured against the", "{s} is not {s}, as it lacks",
    "when {s} falls below {n} the {s} turns into", "the committee of {name} compared {s} with", "no {s} can explain the {s} of the",
    "customers asked for {s} and were sent to the", "first the {s} is opened, then the {s} meets its",
)  # fmt: skip
REASONING = (
    "Please reason step by step, and put your final answer in a box.", "Let's think step by step.",
    "Show your reasoning before the answer.", "Think carefully and explain your reasoning.", "Explain each step in detail.",
    "Answer in detail and justify every claim.", "Write your thought process between tags.", "Work it out, then state the result.",
    "Give a full derivation.", "First plan, then solve, then check.",
)  # fmt: skip
PERSONAS = (
    "You are {name}, a {s} expert who loves {s}. ", "Act as a {s} teacher. ", "Take on the role of {name} from the {s}. ",
    "Pretend to be a {s} in a world of {s}. ", "You are a careful assistant for {s}. ", "{name} is a {s} with {n} {s}. Answer as {name}: ",
)  # fmt: skip
SYSTEMS = (
    "You are the assistant of {name}, a shop for {s}. Answer politely.", "Extract what is asked. Reply with the label only.",
    "You are a helpful assistant.", "Answer briefly from the document about {s}.", "You translate {s} texts. Keep the layout.",
    "You are a senior {s} engineer.", "Reply in JSON with the fields of a {s}.", "You support the customers of {name} with their {s}.",
    "You are {name}, the {s} bot of {name}. Never speak of {s}. Keep answers under {n} words.", "You are an expert in {s} and {s}.",
    "Answer as well as you can.", "You are a tutor for {s}. Do not give the answer away at once.", "Be brief.",
)  # fmt: skip
