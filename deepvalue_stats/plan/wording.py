"""The items of the two scales that are this package's own, free to use under its licence (MIT)."""

from __future__ import annotations

AGREEMENT = (
    "strongly disagree",
    "disagree",
    "neither agree nor disagree",
    "agree",
    "strongly agree",
)
FREQUENCY = ("never", "rarely", "sometimes", "usually", "always")

# two items to each element, in the order of the register's subscales
DEEP_VALUE_CLIENT = (
    "My adviser knows what my life is like at the moment.",
    "When I explain a problem, my adviser gets what I mean.",
    "My adviser speaks to me as an equal.",
    "My adviser takes my opinion seriously, also where we differ.",
    "I can be open with my adviser about things that have gone wrong.",
    "My adviser does what was promised.",
    "My adviser has enough time for me.",
    "I am not hurried when I have something to say.",
    "My adviser knows how to get practical things done.",
    "My adviser knows which services and rules matter in my case.",
    "My adviser and I agree on what we are working towards.",
    "The next steps are steps that I chose together with my adviser.",
)
DEEP_VALUE_PRACTITIONER = (
    "I know what this client's life is like at the moment.",
    "When this client explains a problem, I get what is meant.",
    "I speak to this client as an equal.",
    "I take this client's opinion seriously, also where we differ.",
    "This client can be open with me about things that have gone wrong.",
    "I do what I promised this client.",
    "I have enough time for this client.",
    "I do not hurry this client when there is something to say.",
    "I know how to get practical things done for this client.",
    "I know which services and rules matter in this client's case.",
    "This client and I agree on what we are working towards.",
    "The next steps are steps that this client chose together with me.",
)
ADVISER_CLIENT = (
    "How often has your adviser listened to what you had to say?",
    "How often has your adviser treated you with respect?",
    "How often has your adviser explained things so that you understood them?",
    "How often has your adviser known your situation without being told again?",
    "How often has the advice fitted what you can and want to do?",
    "How often has your adviser done what was agreed?",
)
