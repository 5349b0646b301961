"""The accounts at the top, and the groups below them.

Source: "Influencer Identification Using Clustering and Classification", the slides of a student group over the data set
"tiktok-profiles-data". Their recipe: missing numbers become the mean, the three rates are summed to one, standard scaling,
KMeans; the silhouette is given as 0.598. Which features and which k is not said: followers, following, likes, videos_count
and total_engagement with k = 5 and a single start give exactly that silhouette, so this configuration was inferred.
The slides name no personas; the names here are our own. Their classifier is not part of this study yet.

What to know before acting on it: with a single start the clustering is a poor local optimum (ten starts have almost a third
less inertia), two of its groups are two and four accounts, and total_engagement is the average rate twice.
"""

from tiktok_pipeline.clusters.scaling import Scaling
from tiktok_pipeline.personas.catalogue import Persona, PersonaCatalogue
from tiktok_pipeline.study import Segmentation, Study

_PERSONAS = PersonaCatalogue(
    personas=(
        Persona(
            name="Everyday Creators",
            description="Four of five accounts: a few thousand followers at the median and no figure that stands out.",
            strategic_value="Micro-influencers for niche markets: authentic contact at low cost.",
            recommendation="Pick by topic and fit, not by this group; seed products with many of them.",
            profiles=815,
            typical={
                "followers": 52_591.29,
                "following": 563.36,
                "likes": 1_015_269,
                "videos_count": 135.75,
                "total_engagement": 1.357626,
            },
        ),
        Persona(
            name="Prolific Publishers",
            description="Accounts with well over a thousand videos and an audience in the hundred thousands.",
            strategic_value="A dependable rhythm: they publish whatever the week brings.",
            recommendation="Negotiate series and fixed slots; learn from which of their formats go far.",
            profiles=92,
            typical={
                "followers": 271_501.8,
                "following": 823.41,
                "likes": 8_469_523,
                "videos_count": 1256.64,
                "total_engagement": 0.045886,
            },
        ),
        Persona(
            name="Wide Networkers",
            description="Small accounts that follow about seven thousand others.",
            strategic_value="Networks of mutual follows; the follower count says less than elsewhere.",
            recommendation="Use referral codes and community formats, and pay for results.",
            profiles=87,
            typical={
                "followers": 54_561.15,
                "following": 6_901.06,
                "likes": 476_381.7,
                "videos_count": 385.45,
                "total_engagement": 0.172892,
            },
        ),
        Persona(
            name="Major Accounts",
            description="A handful of accounts with some million followers and thousands of videos.",
            strategic_value="National reach with a long record.",
            recommendation="Treat each as a negotiation of its own; there is no group to plan for.",
            profiles=4,
            typical={
                "followers": 3_875_000,
                "following": 365.75,
                "likes": 128_300_000,
                "videos_count": 2244.5,
                "total_engagement": 0.024518,
            },
        ),
        Persona(
            name="Megastars",
            description="The one or two largest accounts of a scrape.",
            strategic_value="Reach beyond every other account, priced accordingly.",
            recommendation="Consider them for a single large launch, if at all.",
            profiles=2,
            typical={
                "followers": 12_500_000,
                "following": 29.5,
                "likes": 605_250_000,
                "videos_count": 1590,
                "total_engagement": 0.019035,
            },
        ),
    )
)

STUDY = Study(
    name="top_influencers",
    question="Which accounts stand at the top, and which groups stand below them?",
    published_in="Influencer Identification Using Clustering and Classification (slides over tiktok-profiles-data)",
    segmentation=Segmentation(
        features=("followers", "following", "likes", "videos_count", "total_engagement"),
        scaling=Scaling(scaler="standard", missing="mean"),
        k=5,
        n_init=1,
        personas=_PERSONAS,
    ),
    recommendations=(
        "Put the money on profiles with both a large audience and a response to it.",
        "Choose partners by their figures, snapshot after snapshot, rather than by reputation.",
        "Look at what the top accounts publish before you brief the others.",
        "Shift resources to the groups that carry a campaign, and leave the rest to automation.",
        "Make campaigns personal for audiences that respond; a rate is an invitation to talk.",
        "Work with micro-influencers in niche markets: real connections cost less there.",
        "Keep watching: compare each snapshot with the one before and adapt.",
        "Widen the network: every scrape brings creators that were not there before.",
    ),
)
