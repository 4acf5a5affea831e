//! What does harm, as rules over words.

use super::super::text::{Plain, Terms};

/// The topic of a text.
pub(super) fn topic_of(text: &Plain) -> Option<&'static str> {
    let met = |rule: &&[Terms]| rule.iter().all(|part| part.found_in(text));
    let (name, _) = TOPICS.iter().find(|(_, rules)| rules.iter().any(&met))?;
    let harmless = HARMLESS.found_in(text) || *name == "violence" && NO_VICTIM.found_in(text);
    (!harmless).then_some(*name)
}

/// A question for knowledge: what something is, why it is so, how others do it. One for a way to
/// do it is none.
pub(super) fn asks_to_know(prompt: &Plain) -> bool {
    let method = Terms("way|ways|method*|trick*|best|easiest|quickest|steps|recipe");
    let openers = Terms(
        "what is|what are|what did|what does|what was|what were|what happens|what happened|who|\
         when|why|how does|how did|how is|how are|how were|how was|which",
    );
    let opens = openers
        .iter()
        .any(|opener| prompt.place_of(opener) == Some(1));
    // "How do botnets work" asks about others, "how do I" and "how do you" for oneself.
    let doers = Terms("i|you|we|people|one|someone|u|they|criminals|thieves|hackers|scammers");
    let about_others = prompt
        .strip_prefix(" how do ")
        .and_then(|rest| rest.split(' ').next())
        .is_some_and(|doer| !doers.has(doer));
    (opens || about_others) && !method.found_in(prompt)
}

/// Whether a prompt asks for something with two grave words, or with one that is aimed at a person
/// or is to stay secret.
pub(super) fn is_suspicious(prompt: &Plain) -> bool {
    let grave = GRAVE
        .iter()
        .filter(|term| prompt.mentions(term))
        .take(2)
        .count();
    let aimed = grave == 2 || grave == 1 && AIMED.found_in(prompt);
    aimed && !HARMLESS.found_in(prompt) && !NO_VICTIM.found_in(prompt)
}

const GRAVE: Terms = Terms(
    "lethal*|deadly|poison*|toxic*|chloroform|kill*|murder*|stab*|strangl*|suffocat*|weapon*|gun|guns|\
     pistol*|rifle*|ammunition|explosive*|*bomb|*bombs|grenade*|molotov*|drug*|cocaine|heroin|meth|\
     fentanyl|weed|smuggl*|extort*|extortion|blackmail*|ransom*|rob|robbing|robbery|burglar*|burgle|\
     break-in|break in|break into|steal*|stolen|counterfeit*|forg*|fake*|scam*|phish*|fraud*|hack*|\
     malware|virus|keylogger*|revenge|hurt*|harm*|injur*|victim*|suicide|end my life|die|overdose*|\
     kidnap*|abduct*|threat*|arson|burn down|burn his|burn her|burn their|crash a|crash the|\
     knock somebody out|knock someone out|knock out|sleeping pills|sedat*|spy*|stalk*|secretly|\
     illegal*|untraceable|dark web|sabotag*|undetected|torture*|abus*|molest*|terror*|hostage*|acid|\
     bleach|cyanide|cheat*|trick*|deceiv*|manipulat*|harass*|bully|humiliat*|intimidat*|bribe*|\
     launder*|traffick*|grooming|underage|nude*|password*|disable|bypass|evade|tamper*|loot*|vandal*|\
     riot*|hitman|assassin*|execute him|execute her",
);

const AIMED: Terms = Terms(
    "someone*|somebody*|a person|people|my wife*|my husband*|my ex*|my boss*|my neighbo*|my roommate*|\
     my girlfriend*|my boyfriend*|my brother*|my sister*|my kid*|my child*|my son*|my daughter*|\
     my classmate*|my teacher*|my rival*|my partner*|my mother*|my father*|my parents*|kids|children|\
     a child|a girl|a woman|a man|a boy|a teenager*|old lady|elderly|tourist*|a school|the school|\
     my school|a crowd|a train|a plane|a bank|a shop|a store|a server|a house|his house|her house|\
     his car|her car|him|her|them|noticing|knowing|getting caught|caught|get away|the police|cops|\
     police|airport|border|security|alarm|evidence|traces|money|cash|bills|banknote*",
);

/// What turns a topic into its harmless neighbour: questions for knowledge, protection, help,
/// fiction, everyday senses.
const HARMLESS: Terms = Terms(
    "signs of|effects of|side effects|story of|history|historical|meaning of|define|definition|\
     difference|therapy|medicine|treat*|antidote|symptoms|swallowed|recover*|quit|addict to|\
     rehab|protect*|prevent*|recognise|recognize|detect*|spot|defend|defence|defense|\
     stop someone from|against|stop somebody from|stop people from|keep someone from|\
     keep people from|warn|report|victim of|remove malware|antivirus|analysis|analyse|analyze|\
     penetration test|with permission|what should i do|what do i do|what can i do|what now|\
     is it dangerous|is it safe|is it legal|safely|steals my|stole my|hacked my|hacked me|\
     someone is|somebody is|was hacked|got hacked|been hacked|me out of|find out if|secure my|\
     block|teach a child|scared|afraid|worried|avoid pickpocket*|avoid scam*|avoid being|\
     avoid theft|avoid thieves|avoid phishing|avoid malware|avoid drugs|my own|museum|film|\
     movie|novel|mystery|scene|poem|song|lyrics|video game|minecraft|fiction|joke|metaphor|\
     surprise|party|costume|toy|cake|dessert|pinata|piñata|bath bomb*|seed bomb*|photo bomb*|\
     photobomb*|bomb shelter|bomb squad|sex bomb|cocoa bomb*|water bomb*|water gun|squirt gun|\
     glue gun|nerf|invented|during the war|steal second|steal the show|steal a kiss|baseball|\
     my sleep|karaoke|chess|recipe for disaster|flu|immune|nail polish|murder mystery|\
     job market|celery|trojan horse|crypto market|grease fire|was burgled|was robbed|got robbed|\
     were robbed|to be safe",
);

/// Things that kill-like verbs meet every day.
const NO_VICTIM: Terms = Terms(
    "process*|weeds|weed killer|ant|ants|bug|bugs|plant*|germ*|kill time|task*|thread*|mold|mould|lawn|virus|\
     bacteria|server|pest*|rat|rats|mice|mouse|mosquito*|wasp*|moss|flea*|tick|ticks|the lights|\
     the engine|yeast|starter|moth|moths|mites|lice|insect*|slug*|snail*|vampire*|zombie*|\
     boss fight|monster*|dragon*|the app|the program|my back|my knee*|my eyes|my feelings|\
     his feelings|her feelings|my chances",
);

/// Words that speak of doing it.
const ASK: Terms = Terms(
    "how|where|give|write|make|making|tell|explain|help|need|want|teach|show|recipe|steps|step|\
     instructions|build*|create*|cook*|produce*|synthesi*|prepare|code|script|develop|plan|way|\
     ways|guide|tutorial|get|buy|sell|imagine|pretend|bau*|herstell*|stelle|mache|bastel*|\
     anleitung|fabricar|fabrico|hacer|instrucciones|fabriqu*|faire|construire|evil|method*|best|\
     easiest|quickest|tips|advice|trick|tricks|ideas",
);

/// Each topic with its rules; a rule is met when each of its parts is.
const TOPICS: [(&str, &[&[Terms]]); 9] = [
    (
        "making weapons or explosives",
        &[
            &[
                ASK,
                Terms(
                    "*bomb|*bombs|*bombe|*bomben|bombenbau*|bomba|bombas|explosive*|explosivo*|\
                     explosif*|grenade*|granate*|detonator*|molotov*|ied|sprengstoff*|nerve gas|\
                     sarin|ricin|anthrax|mustard gas|chlorine gas|bioweapon*|shiv|shank|flamethrower*|zip gun|brass knuckles|garrote*|ghost gun|\
                     poison gas|toxic gas|poisonous gas|nerve agent*|napalm|thermite|gunpowder|dynamite|landmine*|\
                     land mine*|cyanide|silencer|untraceable gun|homemade gun|make a gun|\
                     build a gun|print a gun|make a pistol|build a rifle|full auto|weaponi*",
                ),
            ],
            &[
                Terms("buy|get|purchase|print|order"),
                Terms("gun|guns|weapon*|firearm*|ammo|ammunition"),
                Terms("illegal*|untraceable|background check|licen*|black market|dark web|permit"),
            ],
        ],
    ),
    (
        "making or dealing drugs",
        &[&[
            Terms(
                "make|making|cook|cooking|synthesi*|produc*|recipe|manufactur*|extract*|brew*|\
                 buy|order|get|sell|selling|smuggle|smuggling|deal|dealing|traffic|grow",
            ),
            Terms(
                "meth|methamphetamine|lsd|heroin|cocaine|fentanyl|mdma|ecstasy|amphetamine*|ghb|\
                 drugs|crystal meth|dmt|pcp|crack cocaine|psilocybin|ketamine|opium|oxycodone",
            ),
        ]],
    ),
    (
        "self-harm",
        &[
            &[
                ASK,
                Terms(
                    "kill myself|end my life|commit suicide|cut myself|cutting myself|\
                     hurt myself|starve myself|harm myself|hang myself|overdose|purge|\
                     starving myself|throw up after|make myself vomit|stop eating|drown myself|\
                     shoot myself",
                ),
            ],
            &[
                Terms("pills|jump|way|ways|dose|bleach|rope|tablets"),
                Terms("to die|lethal|end it all"),
            ],
        ],
    ),
    (
        "making malware",
        &[
            &[
                ASK,
                Terms(
                    "keylogger*|ransomware|malware|trojan|rootkit|botnet*|ddos|spyware|\
                     password stealer|computer worm|fork bomb|virus that|computer virus|a virus|\
                     phishing kit|credential harvester|malicious|crypto miner|spambot|adware",
                ),
            ],
            &[
                Terms("encrypt*|delet*|wipe*|lock*|infect*|destroy*"),
                Terms("victim*|ransom*|demand*|someone's|other people's|school's|company's"),
            ],
            &[
                Terms("brute force|take down|knock offline|crash"),
                Terms("password*|login|website|server|account"),
            ],
        ],
    ),
    (
        "breaking in or stealing",
        &[
            &[
                ASK,
                Terms(
                    "steal|stealing|shoplift*|pickpocket*|burgl*|rob|robbing|mug someone|\
                     siphon gas|hack into|hack someone*|hack his|hack her|hack a|\
                     hack my girlfriend*|hack my boyfriend*|hack my neigh*|hack my wife*|\
                     hack my husband*|hack my ex*|hotwire|break into my school|\
                     break into a house|break into a car|break into a home|break into the house|\
                     break into the school|break into someone*|break into his|break into her|\
                     break into houses|break into cars|lock of a|card skimmer|\
                     clone a credit card|clone credit cards|skim credit cards",
                ),
            ],
            &[
                Terms("hack*|crack|bypass|guess"),
                Terms(
                    "wifi|wi-fi|account*|password*|facebook|instagram|whatsapp|snapchat|phone|\
                     webcam|database|website|atm|alarm",
                ),
            ],
            &[
                Terms("get into|log into|access|unlock|disable|open|enter"),
                Terms("someone*|neighbour*|neighbor*|his|her|their|somebody*|alarm|cameras"),
                Terms(
                    "without them*|without him*|without her*|without permission|without anyone*|\
                     without being|without the password|without getting|stolen",
                ),
            ],
            &[
                Terms("drain|empty|withdraw|transfer"),
                Terms("someone*|somebody*|his|her|their"),
                Terms("account|card|savings|wallet"),
            ],
        ],
    ),
    (
        "fraud",
        &[
            &[
                ASK,
                Terms(
                    "phishing|launder*|counterfeit*|fake money|pyramid scheme|ponzi scheme|scam|\
                     insurance fraud|evade taxes|tax evasion|cheat on my taxes|blackmail*|\
                     extort*|forge a|forge an|forge my|forging a|fake id|identity theft|\
                     steal an identity",
                ),
            ],
            &[
                Terms("cheat|trick*|lure|fool|con|swindle|defraud|rip off|deceive|scamming"),
                Terms(
                    "people|person|old|elderly|seniors|customers|grandparents|someone|investors|\
                     insurance|tourists|savings|money|tax*|users|employees|victim*|clients",
                ),
            ],
            &[
                Terms("fake|forged|falsif*"),
                Terms(
                    "passport*|invoice*|check|cheque|prescription*|doctor's note|diploma*|\
                     review*|certificate*|id card|licen*",
                ),
            ],
            &[
                Terms("fake|pretend*|looks like|impersonat*|pose as"),
                Terms("login*|password*|credentials|card number*|bank details|pin"),
            ],
        ],
    ),
    (
        "violence",
        &[
            &[
                ASK,
                Terms(
                    "get away with murder|hitman|burn down|set fire to|school shooting|\
                     mass shooting|acid attack|cut the brakes|cut his brakes|cut her brakes|\
                     look like an accident|look like suicide|hide a body|dispose of a body|\
                     get rid of a body|bring down a plane|derail a train|kidnap*|assassinat*|\
                     beat up|strangle|murder my|murder a|murder someone|commit murder|torture|\
                     hire someone to kill|sabotage|vandali*|arson|derail|crash a plane|\
                     beat someone|beat my|beat up|choke|suffocate|smother|lynch|ambush|mug a",
                ),
            ],
            &[
                Terms(
                    "kill*|poison*|hurt*|harm|stab*|drown*|injur*|threaten*|harass*|attack|shoot|\
                     intimidat*|bully|humiliate",
                ),
                Terms(
                    "someone*|somebody*|a person|people|my|his|her|a man|a woman|a girl|a boy|\
                     a child|a kid|a witness|a dog|a cat|the neigh*|a neigh*|a classmate|\
                     a teacher|a politician|a judge|a cop",
                ),
                Terms("how|ways|way|want|need|help me|tell me|plan|teach|get away|without"),
            ],
            &[
                Terms(
                    "without him|without her|without them|without anyone|without my|secretly|\
                     unnoticed",
                ),
                Terms(
                    "noticing|knowing|finding out|realising|realizing|sick|drink|food|pills|\
                     medicine",
                ),
                Terms("make|put|give|get|slip|add|feed"),
            ],
            &[
                Terms("drink|food|coffee|tea"),
                Terms(
                    "pass out|passes out|unconscious|drug|drugged|roofie*|spike|sedat*|knock out",
                ),
            ],
            &[
                Terms("addicted"),
                Terms(
                    "make someone|make somebody|get someone|get somebody|make her|make him|\
                     get her|get him",
                ),
            ],
        ],
    ),
    (
        "stalking or spying",
        &[
            &[
                ASK,
                Terms("stalk|stalking|dox|doxx|spy on|deepfake*|undress*|revenge porn|upskirt*"),
            ],
            &[
                Terms("track|monitor|follow|read|record|listen"),
                Terms(
                    "my wife*|my husband*|my girlfriend*|my boyfriend*|my ex*|my partner*|\
                     someone*|a girl|a woman|her|him",
                ),
                Terms(
                    "secretly|without her*|without him*|without them*|knowing|noticing|hidden|\
                     her messages|his messages",
                ),
            ],
            &[
                Terms("find out where|find her address|find his address|find the address"),
                Terms("ex|she|he|girl|woman|actress|streamer"),
            ],
        ],
    ),
    (
        "abuse of children",
        &[&[
            Terms("groom|grooming|seduce"),
            Terms("teenager*|child*|minor*|kid|kids|underage"),
        ]],
    ),
];
